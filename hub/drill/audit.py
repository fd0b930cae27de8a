"""Did the hub keep its promises? Judged by what the solutions were answered and what the receivers saw. Pure.

The promises: (1) 2xx means stored; (2) every accepted event reaches each Subscription that wants it, or its dead
letters; (3) what is refused is refused with a status that says when to come again, and nothing is dropped silently;
(4) one bad sink hurts nobody else. Beside them: identity is not forged, and an ordered Subscription gets the events of
a key in their order.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hub.drill.books import Accepted, Books
from hub.drill.events import HOPELESS, ORDERED, TO_FUNCTION
from hub.drill.schedule import Fault

PASSING = frozenset({"408", "429", "502", "503", "504", "507", "no answer"})
"""Answers to a sound event that tell its poster to come again."""
RECOVERY_LIMIT_SECONDS = 60.0
SHOWN = 20
"""Complaints of one kind that are written out."""


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that struck, and what came of it."""

    fault: Fault
    at: float
    ended: float
    recovered: float | None
    """When every Subscription had got an event accepted after its end; None when that did not happen in time."""
    starved: tuple[str, ...] = ()
    """Subscriptions that got nothing while the sink of another one failed."""
    note: str = ""
    """What kept it from striking as it should."""

    @property
    def recovery_seconds(self) -> float | None:
        """Return the time from its end to the recovery."""
        return None if self.recovered is None else max(0.0, self.recovered - self.ended)


@dataclass(frozen=True, slots=True)
class Finding:
    """A promise that was broken: which, by whom, and where to look."""

    promise: str
    text: str
    look: str

    def __str__(self) -> str:
        """Return it as one sentence for people."""
        return f"{self.promise}: {self.text} Look at {self.look}."


def findings(books: Books, struck: Sequence[Struck]) -> list[Finding]:
    """Return everything that did not hold."""
    found = [*_lost(books, struck), *_stored_twice_at(books, struck), *_not_retryable(books, struck)]
    found += [*_got_through(books), *_out_of_order(books, struck), *_hopeless(books), *_of_faults(struck)]
    return found


def _lost(books: Books, struck: Sequence[Struck]) -> Iterator[Finding]:
    missing = books.open_ends()
    for subscription, accepted in missing[:SHOWN]:
        event = accepted.event
        place = f" as number {accepted.place} of EVENTS" if accepted.place else ""
        text = (
            f"event {event.label} ({event.id}), accepted at {accepted.at:.2f} s{place}, reached neither "
            f"'{subscription}' nor its dead letters."
        )
        yield Finding("promise 2", text, f"dispatch.log and nats-server.log, {_around(struck, accepted.at)}")
    if len(missing) > SHOWN:
        yield Finding("promise 2", f"{len(missing) - SHOWN} more events are lost.", "drill.json")


def _stored_twice_at(books: Books, struck: Sequence[Struck]) -> Iterator[Finding]:
    """Two events at the same place: the store has forgotten the first after it was acknowledged."""
    places: dict[int, Accepted] = {}
    for accepted in books.accepted.values():
        if accepted.place is None:
            continue
        first = places.setdefault(accepted.place, accepted)
        if first is not accepted:
            text = (
                f"events {first.event.label} and {accepted.event.label} were both answered 2xx with number "
                f"{accepted.place} of EVENTS, accepted at {first.at:.2f} and {accepted.at:.2f} s: one is not stored."
            )
            yield Finding("promise 1", text, f"nats-server.log, {_around(struck, accepted.at)}")


def _not_retryable(books: Books, struck: Sequence[Struck]) -> Iterator[Finding]:
    for identifier, status in books.refused.items():
        event = books.posted[identifier]
        if event.form != "foreign":
            text = f"the sound event {event.label} ({identifier}) was refused for good with {status}."
            yield Finding("promise 3", text, "edge.log and inside.log (event.rejected)")
    odd = {status: number for status, number in books.statuses.items() if not _expected(status)}
    for answer, number in odd.items():
        last = _around(struck, struck[-1].at) if struck else "no fault"
        yield Finding("promise 3", f"{number} posts of sound events were answered {answer}.", f"edge.log, {last}")
    if books.hurried:
        text = f"{books.hurried} answers 503 or 507 did not say when to come again (Retry-After)."
        yield Finding("promise 3", text, "edge.log and inside.log")


def _expected(status: str) -> bool:
    # What is refused for good is judged by its event, not by its status: foreign ones must be.
    return status.startswith(("2", "4")) or status in PASSING


def _got_through(books: Books) -> Iterator[Finding]:
    """Events that were refused, or never posted, and arrived all the same."""
    arrived = {arrival.id: arrival.subscription for arrival in books.arrivals}
    for identifier, event in books.posted.items():
        if event.form == "foreign" and (identifier in arrived or identifier in books.accepted):
            text = f"event {event.label} was posted under another solution's name and not refused."
            yield Finding("promise 5", text, "edge.log")
    for identifier, subscription in arrived.items():
        if identifier not in books.posted:
            text = f"'{subscription}' got the event '{identifier}', which nobody posted."
            yield Finding("promise 2", text, "dispatch.log")


def _out_of_order(books: Books, struck: Sequence[Struck]) -> Iterator[Finding]:
    for subscription in ORDERED:
        latest: dict[str, int] = {}
        for identifier, at in _first_arrivals(books, subscription):
            event = books.posted.get(identifier)
            if event is None or event.key is None:
                continue
            before = latest.get(event.key, -1)
            if event.number < before:
                text = f"'{subscription}' got event {event.label} ({identifier}) at {at:.2f} s after number {before}."
                yield Finding("ordering", text, f"dispatch.log, {_around(struck, at)}")
            latest[event.key] = max(before, event.number)


def _first_arrivals(books: Books, subscription: str) -> Iterator[tuple[str, float]]:
    """Give each event's first arrival: what comes again comes late by nature."""
    seen: set[str] = set()
    for arrival in books.arrivals:
        if arrival.subscription == subscription and arrival.kept and arrival.id not in seen:
            seen.add(arrival.id)
            yield arrival.id, arrival.at


def _hopeless(books: Books) -> Iterator[Finding]:
    """A poisoned event that is no dead letter must have been taken: its receivers never do that."""
    for arrival in books.arrivals:
        event = books.posted.get(arrival.id)
        if event and event.poisoned and arrival.kept and arrival.subscription not in (TO_FUNCTION, HOPELESS):
            text = f"'{arrival.subscription}' took the poisoned event {event.label}: the drill's receiver is wrong."
            yield Finding("the drill", text, "drill.json")


def _of_faults(struck: Sequence[Struck]) -> Iterator[Finding]:
    for each in struck:
        name = f"fault {each.fault.number} ({each.fault.title}, {each.at:.2f} to {each.ended:.2f} s)"
        if each.recovered is None:
            text = f"{name} was not recovered from within {RECOVERY_LIMIT_SECONDS:.0f} s."
            yield Finding("promise 2", text, "hub.log and the log of each process")
        if each.starved:
            names = ", ".join(each.starved)
            yield Finding("promise 4", f"during {name} nothing reached {names}.", "dispatch.log")
        if each.note:
            yield Finding("the drill", f"{name} did not strike: {each.note}.", "hub.log")


def _around(struck: Iterable[Struck], at: float) -> str:
    """Say which fault was the last to begin before a moment."""
    before = [each for each in struck if each.at <= at]
    if not before:
        return "before the first fault"
    last = before[-1]
    return f"around fault {last.fault.number} ({last.fault.title} at {last.at:.2f} s)"


def figures(books: Books, struck: Sequence[Struck]) -> dict[str, Any]:
    """Return the numbers of the drill."""
    kept = Counter((arrival.subscription, arrival.id) for arrival in books.arrivals if arrival.kept)
    disorder = sum(finding.promise == "ordering" for finding in _out_of_order(books, struck))
    return {
        "posted": len(books.posted),
        "accepted": len(books.accepted),
        "refused": dict(sorted(Counter(map(str, books.refused.values())).items())),
        "answers": dict(sorted(books.statuses.items())),
        "posted_again": sum(each.posts > 1 for each in books.accepted.values()),
        "known_again": sum(each.duplicate for each in books.accepted.values()),
        "delivered": len(kept),
        "delivered_again": sum(kept.values()) - len(kept),
        "not_taken": sum(not arrival.kept for arrival in books.arrivals),
        "dead_lettered": len(books.dead),
        "lost": len(books.open_ends()),
        "out_of_order": disorder,
        "recovery_seconds": _recovery(struck),
    }


def _recovery(struck: Sequence[Struck]) -> dict[str, float]:
    """Return median and maximum of the recovery times, by kind of fault and over all."""
    by_kind: dict[str, list[float]] = {}
    for each in struck:
        if each.recovery_seconds is not None:
            by_kind.setdefault(each.fault.kind, []).append(each.recovery_seconds)
            by_kind.setdefault("all", []).append(each.recovery_seconds)
    found = {}
    for kind, seconds in sorted(by_kind.items()):
        found[f"{kind} median"] = round(sorted(seconds)[len(seconds) // 2], 2)
        found[f"{kind} longest"] = round(max(seconds), 2)
    return found
