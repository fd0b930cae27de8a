"""The connection with Compass and what it brought. Hints: the state is in the connection and the Applications."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.envelope import Contract
from contracts.fields import Detail, Seconds

State = Annotated[
    str, Field(min_length=1, description="State of the connection, such as `Synchronized` or `ConnectionFailed`.")
]
Count = Annotated[int, Field(ge=0, description="How many Applications.")]


class CompassConnectionChanged(Contract):
    """The connection with Compass came into another state."""

    contract_type: ClassVar[str] = "hub.compass.v1.changed"

    state: State
    previous: Annotated[str, Field(description="State before; empty when there was none.")] = ""
    detail: Detail = ""


class CompassSynchronized(Contract):
    """The Director's applications were read to the end and taken over; single ones may have failed."""

    contract_type: ClassVar[str] = "hub.compass.v1.synchronized"

    total: Count
    created: Count = 0
    updated: Count = 0
    removed: Count = 0
    unchanged: Count = 0
    failed: Count = 0
    withheld: Annotated[int, Field(ge=0, description="Applications that are gone at the Director and were kept.")] = 0
    seconds: Seconds = 0
