"""What was seen while the drill ran: what was answered, what arrived, what was given up. The audit reads nothing else.

Times are seconds since the drill began.
"""

import time
from collections import Counter
from dataclasses import dataclass, field

from hub.drill.events import Numbered, wanted_by


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event that was answered 2xx."""

    event: Numbered
    at: float
    place: int | None = None
    """The sequence in the event store, where the answer names it; None for a batch."""
    duplicate: bool = False
    posts: int = 1
    """How often it was posted until then."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event at a receiver."""

    subscription: str
    id: str
    at: float
    kept: bool
    """False when the receiver did not take it: it answered so, or not at all."""


@dataclass
class Books:
    """The drill's own record of what happened."""

    posted: dict[str, Numbered] = field(default_factory=dict)
    accepted: dict[str, Accepted] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    """Status of what was refused for good, by id."""
    statuses: Counter[str] = field(default_factory=Counter)
    """Answers to posts; 'no answer' where there was none."""
    hurried: int = 0
    """Answers 507 and 503 that did not say when to come again."""
    arrivals: list[Arrival] = field(default_factory=list)
    dead: set[tuple[str, str]] = field(default_factory=set)
    """Subscription and id of each dead letter."""
    _kept: dict[str, set[str]] = field(default_factory=dict)
    _freshest: dict[tuple[str, str], float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    def now(self) -> float:
        """Return the seconds since the drill began."""
        return time.monotonic() - self._began

    def accept(self, accepted: Accepted) -> None:
        """Note that an event is stored."""
        self.accepted[accepted.event.id] = accepted
        for subscription in wanted_by(accepted.event):
            if accepted.event.id in self._kept.get(subscription, ()):  # it can arrive before its answer does
                self._refresh(subscription, accepted)

    def arrive(self, subscription: str, identifier: str, *, kept: bool) -> None:
        """Note an arrival."""
        self.arrivals.append(Arrival(subscription, identifier, self.now(), kept))
        if kept:
            self._kept.setdefault(subscription, set()).add(identifier)
            if identifier in self.accepted:
                self._refresh(subscription, self.accepted[identifier])

    def _refresh(self, subscription: str, accepted: Accepted) -> None:
        place = (subscription, accepted.event.solution)
        self._freshest[place] = max(accepted.at, self._freshest.get(place, 0.0))

    def freshest(self, subscription: str) -> float:
        """Return when the latest event that has reached a Subscription was accepted; 0 before any has."""
        return max((at for (name, _), at in self._freshest.items() if name == subscription), default=0.0)

    def open_ends(self) -> list[tuple[str, Accepted]]:
        """Return the accepted events that have neither reached their Subscription nor its dead letters."""
        return [
            (subscription, accepted)
            for accepted in list(self.accepted.values())
            for subscription in wanted_by(accepted.event)
            if accepted.event.id not in self._kept.get(subscription, ())
            and (subscription, accepted.event.id) not in self.dead
        ]
