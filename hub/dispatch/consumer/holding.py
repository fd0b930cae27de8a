"""Events in hand, and the order in which those with the same key are let go."""

import asyncio
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field

from hub.dispatch.model import Delivery, Progress
from hub.kernel.trace import Span


@dataclass(slots=True, eq=False)
class Held:
    """An event that nats-server has handed to this process."""

    delivery: Delivery
    reply: str
    """Where nats-server takes the acknowledgement."""
    handed_out: int
    """How often it has been handed out, this time included."""
    touched: float
    """When nats-server last heard of it (monotonic seconds)."""
    progress: Progress | None = None
    """None when nothing is known yet of earlier attempts."""
    key: str | None = None
    """What orders it; None when it waits for nobody."""
    span: Span | None = field(default=None, repr=False)
    """Of the attempt under way, where it is recorded."""
    task: asyncio.Task[None] | None = field(default=None, repr=False)
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)
    """Set while it waits here for its next attempt."""


def _position(held: Held) -> int:
    return held.delivery.sequence


def in_order(events: Iterable[Held]) -> list[Held]:
    """Return events by their position in the stream, oldest first."""
    return sorted(events, key=_position)


class Lanes:
    """Lets the events of a key go one after the other, oldest first; those of other keys do not wait."""

    def __init__(self) -> None:
        """Begin with no event."""
        self._waiting: dict[str, list[Held]] = {}

    def enter(self, held: Held) -> bool:
        """Take an event; returns whether it may go at once."""
        if held.key is None:
            return True
        if held.key in self._waiting:
            insort(self._waiting[held.key], held, key=_position)
            return False
        self._waiting[held.key] = []
        return True

    def leave(self, held: Held) -> Held | None:
        """Say that an event is done; returns the next one of its key."""
        if held.key is None:
            return None
        waiting = self._waiting[held.key]
        if waiting:
            return waiting.pop(0)
        del self._waiting[held.key]
        return None
