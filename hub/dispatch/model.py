"""What dispatch speaks of: a Delivery on its way to a Sink, and the Answer that came back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

SinkKind = Literal["http", "function", "subject"]


@dataclass(frozen=True, slots=True)
class Sink:
    """Where deliveries go."""

    kind: SinkKind
    url: str = field(default="", repr=False)
    """Address of an HTTP sink, as written in the Subscription."""
    scope: str = ""
    name: str = ""
    """Scope and name of a Function; or the name of a subject."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one Subscription."""

    headers: Mapping[str, str] = field(repr=False)
    """As stored: `ce-` attributes, `traceparent`, whatever else the publisher set."""
    body: bytes = field(repr=False)
    subject: str
    sequence: int
    """Position in the stream."""
    stored_at: float
    """When the event was stored, in seconds since 1970."""

    def attribute(self, name: str) -> str:
        """Return a CloudEvents attribute as stored (percent-encoded), empty when the event has none."""
        return self.headers.get(f"ce-{name}", "")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an event has come that did not arrive at once; kept beside the stream, for whoever gets it next."""

    attempts: int = 0
    """Attempts that ended, each with an answer or without one in time."""
    handed_out: int = 0
    """How often nats-server had handed the event out when this was written."""
    lost: int = 0
    """How often it was handed out to a worker of whom nothing more was heard."""

    def on_arrival(self, handed_out: int) -> "Progress":
        """Return the progress when the event is handed out once more; news of an older consumer counts for nothing."""
        if handed_out <= self.handed_out:
            return Progress(handed_out=handed_out)
        return Progress(self.attempts, handed_out, self.lost + handed_out - self.handed_out - 1)

    def after_attempt(self) -> "Progress":
        """Return the progress after an attempt that ended."""
        return Progress(self.attempts + 1, self.handed_out, self.lost)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a consumer that has to be made begins: with the next event, at a position, or at a moment."""

    sequence: int | None = None
    moment: datetime | None = None


NEXT = Start()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sink said to one attempt."""

    status: int | None
    """HTTP status, or that of a Function; None when no answer came."""
    retry_after: str = ""
    """As the sink wrote it."""
    excerpt: str = field(default="", repr=False)
    """The beginning of the answer's body, of a failure."""
    error: str = ""
    """One sentence on why there is no answer, or what the Function said."""

    @property
    def is_success(self) -> bool:
        """Say whether the sink took the event: any 2xx, nothing else."""
        return self.status is not None and 200 <= self.status < 300


EXCERPT_CHARACTERS = 1000


def excerpt_of(body: bytes) -> str:
    """Return the beginning of an answer's body, as text."""
    return body[:EXCERPT_CHARACTERS].decode(errors="replace")
