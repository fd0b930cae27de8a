"""The numbered events of the drill: who posts them, in which form, who wants them. Pure.

A lane is one row of events of a solution; the next one is posted only when the one before was accepted. Its name is the
key of the ordered deliveries, so its numbers must arrive in their order.
"""

import uuid
from dataclasses import dataclass
from typing import Any, Literal

Form = Literal["binary", "structured", "legacy", "batch", "foreign"]

NORTH, SOUTH, INNER, FILLER = "north", "south", "inner", "filler"
PAIRED = (NORTH, SOUTH)
"""Solutions that post to the edge with a client certificate."""
INSIDE = (INNER, FILLER)
"""Solutions that post to the internal listener."""
KEYED, HEAP, BALLAST = ("a", "b", "c"), "heap", "ballast"
BATCH = 5
POISON_EVERY, FOREIGN_EVERY = 37, 23
TIME = "2030-01-01T00:00:00Z"
_NUMBERED_FORMS: tuple[Form, ...] = ("binary", "structured", "legacy")

ORDERED = tuple(f"{solution}-ordered" for solution in (*PAIRED, INNER))
PLAIN = tuple(f"{solution}-plain" for solution in (*PAIRED, INNER))
TO_FUNCTION, HOARD, HOPELESS = "north-function", "filler-hoard", "south-hopeless"
"""HOARD is paused while the store is filled; the sink of HOPELESS answers 503 from beginning to end."""
SINKS_TO_FAIL = (*ORDERED[:2], PLAIN[0], PLAIN[2])


@dataclass(frozen=True, slots=True)
class Numbered:
    """One event."""

    solution: str
    lane: str
    number: int
    form: Form

    @property
    def id(self) -> str:
        """Return its id: a UUID, which every form accepts."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:hub:drill:{self.solution}:{self.lane}:{self.number}"))

    @property
    def label(self) -> str:
        """Return it as people call it."""
        return f"{self.solution}/{self.lane}/{self.number}"

    @property
    def key(self) -> str | None:
        """Return the value that orders its deliveries; None where nothing does."""
        return f"{self.solution}/{self.lane}" if self.lane in KEYED and self.form != "foreign" else None

    @property
    def type(self) -> str:
        """Return its event type: one for each lane."""
        return f"counted.{self.lane}.v1"

    @property
    def poisoned(self) -> bool:
        """Say whether every sink refuses it for good, so that it must end as a dead letter."""
        return self.lane in KEYED and self.form != "foreign" and self.number % POISON_EVERY == POISON_EVERY - 1

    def data(self) -> dict[str, Any]:
        """Return its data; ballast is as large as the hub takes."""
        order = {"number": self.number, "lane": self.lane}
        keyed = {"key": self.key} if self.key else {}
        return order | keyed | ({"ballast": "x" * 48_000} if self.lane == BALLAST else {})

    def structured(self) -> dict[str, Any]:
        """Return it as a CloudEvent in JSON."""
        attributes = {"specversion": "1.0", "id": self.id, "source": self.solution, "type": self.type, "time": TIME}
        return attributes | {"datacontenttype": "application/json", "data": self.data()}

    def legacy(self) -> dict[str, Any]:
        """Return it as the older events API writes it."""
        name, _, version = self.type.rpartition(".")
        kind = {"event-type": name, "event-type-version": version}
        return kind | {"event-id": self.id, "event-time": TIME, "data": self.data()}


def event_of(solution: str, lane: str, number: int) -> Numbered:
    """Return an event of a lane; the forms take turns."""
    if lane == HEAP:
        return Numbered(solution, lane, number, "batch")
    if lane == BALLAST:
        return Numbered(solution, lane, number, "binary")
    return Numbered(solution, lane, number, _NUMBERED_FORMS[number % len(_NUMBERED_FORMS)])


def foreign(solution: str, number: int) -> Numbered:
    """Return an event that a paired solution posts as if it were another: it must be refused."""
    return Numbered(solution, "foreign", number, "foreign")


def wanted_by(event: Numbered) -> tuple[str, ...]:
    """Return the Subscriptions that must get an event."""
    if event.form == "foreign":
        return ()
    if event.solution == FILLER:
        return (HOARD,)
    both = (f"{event.solution}-ordered", f"{event.solution}-plain")
    if event.solution == NORTH and event.lane == KEYED[0]:
        return (*both, TO_FUNCTION)
    return (*both, HOPELESS) if event.solution == SOUTH and event.lane == KEYED[2] else both


def lanes_of(solution: str) -> tuple[str, ...]:
    """Return the lanes of a solution."""
    return (BALLAST,) if solution == FILLER else (*KEYED, HEAP)
