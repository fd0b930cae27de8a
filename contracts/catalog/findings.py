"""What the catalog found out: types that are posted but in no catalog, and specifications that cannot be read.

State of the bucket `catalogfindings`, read by whoever shows it. Keys: `unknown.<application>.<event type>` and
`refused.<application>.<service id>`, the parts escaped as those of event types are.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from contracts.catalog.v1 import entry_key
from contracts.fields import ApplicationName, Detail, EventTypeName, Moment, ServiceId

UNKNOWN, REFUSED = "unknown", "refused"


class UnknownType(BaseModel):
    """An event type that is posted but in no catalog."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    application: Annotated[str, Field(description="Who posts it, as the events' source says.")]
    type: EventTypeName
    count: Annotated[int, Field(ge=1, description="Events so far.")]
    first: Moment
    last: Moment
    reports: Annotated[dict[str, int], Field(description="Newest report counted, by the process that sent it.")] = {}

    @property
    def key(self) -> str:
        """Return the key in the bucket."""
        return unknown_key(self.application, self.type)


class RefusedSpec(BaseModel):
    """A specification that cannot be read; what its Service offered before stays in the catalog."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    application: ApplicationName
    service_id: ServiceId
    detail: Detail
    place: Annotated[str, Field(description="Where in the document, as a JSON pointer; empty when not known.")] = ""
    since: Moment

    @property
    def key(self) -> str:
        """Return the key in the bucket."""
        return refused_key(self.application, self.service_id)


Finding = UnknownType | RefusedSpec


def unknown_key(application: str, event_type: str) -> str:
    """Return the key of an unknown event type."""
    return f"{UNKNOWN}.{entry_key(application or '-', event_type)}"


def refused_key(application: str, service_id: str) -> str:
    """Return the key of a refused specification."""
    return f"{REFUSED}.{entry_key(application, service_id)}"


def encode(finding: Finding) -> bytes:
    """Return a finding as the bucket stores it."""
    return finding.model_dump_json(exclude_defaults=True).encode()


def decode(raw: bytes) -> Finding:
    """Return the finding of stored bytes.

    Raises:
        ValueError: they are none (pydantic's ValidationError is one).
    """
    try:
        return UnknownType.model_validate_json(raw)
    except ValueError:
        return RefusedSpec.model_validate_json(raw)
