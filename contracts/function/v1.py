"""What became of a Function and of its runs. Never the source code, the environment, arguments or results."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.envelope import Contract
from contracts.fields import Detail, ErrorKind, FunctionName, Generation, Revision, Scope, Seconds

RunId = Annotated[str, Field(min_length=1, description="Id of the run, the same in all events about it.")]
RunEventId = Annotated[str, Field(description="Id of the event that triggered it; empty for a plain call.")]
RunEventType = Annotated[str, Field(description="Type of the event that triggered it; empty for a plain call.")]
RunSource = Annotated[str, Field(description="Source of the event that triggered it; empty for a plain call.")]


class FunctionDeployed(Contract):
    """A Function is ready to run in this form."""

    contract_type: ClassVar[str] = "hub.function.v1.deployed"

    scope: Scope
    function: FunctionName
    runtime: Annotated[str, Field(min_length=1, description="Language and version, such as `python312`.")]
    generation: Generation = 1
    revision: Revision = 0
    seconds: Seconds = 0


class FunctionTriggered(Contract):
    """A run of a Function began."""

    contract_type: ClassVar[str] = "hub.function.v1.triggered"

    scope: Scope
    function: FunctionName
    run_id: RunId
    event_id: RunEventId = ""
    type: RunEventType = ""
    source: RunSource = ""


class FunctionFinished(Contract):
    """A run of a Function returned."""

    contract_type: ClassVar[str] = "hub.function.v1.finished"

    scope: Scope
    function: FunctionName
    run_id: RunId
    event_id: RunEventId = ""
    seconds: Seconds


class FunctionFailed(Contract):
    """A run of a Function raised, was killed at its timeout, or ended without an answer."""

    contract_type: ClassVar[str] = "hub.function.v1.failed"

    scope: Scope
    function: FunctionName
    run_id: RunId
    event_id: RunEventId = ""
    seconds: Seconds
    error: ErrorKind
    detail: Detail = ""


class FunctionRemoved(Contract):
    """A Function was removed; its process and environment are gone."""

    contract_type: ClassVar[str] = "hub.function.v1.removed"

    scope: Scope
    function: FunctionName
