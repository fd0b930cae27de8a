"""What ingress passes along: a parsed event, and the same event ready to be stored."""

from dataclasses import dataclass, field

from hub.kernel.trace import Span

JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Draft:
    """A parsed but not yet admitted event."""

    attributes: dict[str, str]
    """CloudEvents attributes by lower-case name, without `datacontenttype`."""
    data: bytes = b""
    content_type: str = ""
    """The attribute `datacontenttype`; empty when the event has none."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """An event as the stream takes it: subject, headers of the NATS binding, data untouched."""

    subject: bytes
    headers: bytes = field(repr=False)
    """Lines of the NATS binding, without version line and empty line."""
    data: bytes = field(repr=False)
    event_id: str = ""
    warning: str = ""
    """What breaks the type's schema, where that is only warned of."""
    catalogued: bool = True
    quarantined: bool = False
    """Whether it is kept aside for what `warning` says, until somebody lets it through."""
    span: Span | None = field(default=None, repr=False, compare=False)
    """Under way, where the trace of a request that goes the short way is recorded."""
