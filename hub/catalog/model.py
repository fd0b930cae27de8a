"""What the catalog knows about an event type before it is bound to an Application. Immutable values, no behaviour."""

from dataclasses import dataclass
from typing import Any, Literal

PayloadCheck = Literal["off", "warn", "quarantine", "reject"]


@dataclass(frozen=True, slots=True)
class EventType:
    """One event type of a specification."""

    type: str
    """The full, versioned name: `order.created.v1`."""
    name: str
    """The part before the last dot; the whole when there is none."""
    version: str
    """The part behind the last dot; empty when there is none."""
    summary: str = ""
    schema: dict[str, Any] | bool | None = None
    """JSON Schema of the data; its references lead to its own `$defs` only."""
    examples: tuple[Any, ...] = ()
    payload_check: PayloadCheck | None = None
    owner: str = ""
    """Whom to ask; empty when the specification does not say."""
    spec_version: str = ""
    """Version of the specification it stands in."""


@dataclass(frozen=True, slots=True)
class Specification:
    """The event catalog that one Service registered."""

    service_id: str
    document: bytes | None
    """As stored; None when nothing is stored (yet)."""
