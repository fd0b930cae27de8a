"""What dispatch speaks of: a Delivery on its way to a Sink, and the Answer that came back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SinkKind = Literal["http", "function"]


@dataclass(frozen=True, slots=True)
class Sink:
    """Where deliveries go."""

    kind: SinkKind
    url: str = ""
    """Address of an HTTP sink, as written in the Subscription."""
    scope: str = ""
    name: str = ""
    """Scope and name of a Function."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one Subscription, at one attempt."""

    headers: Mapping[str, str] = field(repr=False)
    """As stored: `ce-` attributes, `traceparent`, whatever else the publisher set."""
    body: bytes = field(repr=False)
    subject: str
    reply: str
    """Where nats-server takes the acknowledgement."""
    attempt: int
    """Counted from 1."""
    sequence: int
    """Position in the stream."""
    stored_at: float
    """When the event was stored, in seconds since 1970."""

    def attribute(self, name: str) -> str:
        """Return a CloudEvents attribute as stored (percent-encoded), empty when the event has none."""
        return self.headers.get(f"ce-{name}", "")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sink said to one attempt."""

    status: int | None
    """HTTP status, or that of a Function; None when no answer came."""
    retry_after_seconds: float = 0.0
    """Pause that the sink asked for; 0 when it asked for none."""
    excerpt: str = field(default="", repr=False)
    """The beginning of the answer's body, of a failure."""
    error: str = ""
    """One sentence on why there is no answer, or what the Function said."""

    @property
    def is_success(self) -> bool:
        """Say whether the sink took the event: any 2xx, nothing else."""
        return self.status is not None and 200 <= self.status < 300
