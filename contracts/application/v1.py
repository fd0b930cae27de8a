"""What became of an Application. Hints: the bucket of Applications is the state, these say where to look."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.envelope import Contract
from contracts.fields import ApplicationName, Generation, Revision

ServiceCount = Annotated[int, Field(ge=0, description="How many Services the Application has after the change.")]
ChangedServices = Annotated[
    tuple[str, ...], Field(description="Ids of the Services that were added, changed or removed.")
]


class ApplicationRegistered(Contract):
    """An Application came into being."""

    contract_type: ClassVar[str] = "hub.application.v1.registered"

    application: ApplicationName
    services: ServiceCount
    changed_services: ChangedServices = ()
    generation: Generation = 1
    revision: Revision = 0


class ApplicationChanged(Contract):
    """An Application or one of its Services changed, specifications included."""

    contract_type: ClassVar[str] = "hub.application.v1.changed"

    application: ApplicationName
    services: ServiceCount
    changed_services: ChangedServices = ()
    generation: Generation = 1
    revision: Revision = 0


class ApplicationRemoved(Contract):
    """An Application was removed, its Services with it."""

    contract_type: ClassVar[str] = "hub.application.v1.removed"

    application: ApplicationName
    services: Annotated[int, Field(ge=0, description="How many Services it had.")] = 0
