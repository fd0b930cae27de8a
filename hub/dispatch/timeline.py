"""What became of one event on its way to one Subscription, and which step said no. Pure.

What happened outranks what the Subscription says now: an attempt, a dead letter, a replay are told first; only without
them the steps are walked through as dispatch would walk them today.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from contracts import subjects
from hub.dispatch import dead_letters
from hub.dispatch.listening import Listening
from hub.dispatch.timeline_standing import Standing


@dataclass(frozen=True, slots=True)
class Event:
    """The event that is asked about."""

    sequence: int
    stored_at: float
    subject: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a Subscription listens for."""

    subjects: tuple[str, ...]
    """Filter subjects of events; not that of replays."""
    refused_by: int | None = None
    """Position of the first filter that refuses this event; None when none does."""
    filters: tuple[Mapping[str, Any], ...] = ()
    listening: Listening = field(default_factory=Listening)
    """Whose events on those subjects are wanted."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is recorded of one position: the event's own, or that of a replay."""

    sequence: int
    stored_at: float
    origin: str = ""
    """Empty for the event itself; `dead_letters` or `events` for a replay."""
    by: str = ""
    of: int | None = None
    """For a replay: the position it repeats."""
    attempts: tuple[Mapping[str, Any], ...] = ()
    letter: Mapping[str, Any] | None = None
    dropped: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it stands: a state, the step that decided it, and one sentence."""

    state: str
    """not_matched, not_delivered, waiting, under_way, retrying, delivered, settled, dead_lettered, dropped or
    replayed."""
    step: str
    text: str
    next_at: str = ""
    matched: bool = True
    certain: bool = field(default=True)
    """False where only the position is known and the Subscription was changed since it was made."""


def judge(event: Event, wish: Wish, standing: Standing, trail: Sequence[Evidence]) -> Verdict:
    """Return how an event stands with a Subscription: as its newest replay does, if there is one.

    Args:
        event: as accepted.
        wish: what the Subscription listens for now.
        standing: how far its consumer has come.
        trail: what is recorded of the event itself, then of its replays, oldest first.
    """
    newest = trail[-1]
    recorded = of_record(newest, trail)
    if recorded is not None:
        return recorded
    if newest.attempts:
        return of_place(newest, standing)
    refused = find_mismatch(event, wish) if not newest.origin else None
    return refused or _of_filter(wish) or of_place(newest, standing)


def of_record(evidence: Evidence, trail: Sequence[Evidence]) -> Verdict | None:
    """Return what the records of a position say; None when there are none."""
    letter = evidence.letter
    if letter is not None:
        kind = letter.get("kind", "")
        return Verdict(
            "dead_lettered",
            "dead_letter",
            f"Given up after {letter.get('attempts') or 0} attempts ({kind}): {_sentence(letter.get('reason'))}"
            f" Replay it with `hub dead replay --sequence {letter.get('sequence')}`.",
        )
    if evidence.dropped is not None:
        by = evidence.dropped.get("by") or "somebody"
        return Verdict("dropped", "dropped", f"Given up, and the dead letter was dropped by {by}.")
    if any(each.of == evidence.sequence and each.origin == "dead_letters" for each in trail):
        return Verdict("replayed", "dead_letter", "Given up, then replayed.")
    return _of_attempts(evidence.attempts)


def _of_attempts(attempts: Sequence[Mapping[str, Any]]) -> Verdict | None:
    if not attempts:
        return None
    last = attempts[-1]
    outcome, number = last.get("outcome"), last.get("attempt")
    if outcome == "ack":
        text = f"Delivered at attempt {number}{_at(last)}, status {last.get('status')}."
        return Verdict("delivered", "delivered", text)
    if outcome == "dead_letter":
        return Verdict("dead_lettered", "dead_letter", f"Given up at attempt {number}: {_sentence(last.get('error'))}")
    return None


def _at(attempt: Mapping[str, Any]) -> str:
    return f" at {attempt['at']}" if attempt.get("at") else ""


def find_mismatch(event: Event, wish: Wish) -> Verdict | None:
    """Return why the subject of an event is not listened for; None when it is."""
    if any(covers(wanted, event.subject) for wanted in wish.subjects):
        return None if wish.listening.takes(event.subject) else _of_owner(event, wish.listening)
    _, source, name = event.subject.split(".", 2)
    parts = [wanted.split(".", 2) for wanted in wish.subjects]
    of_source = [subjects.untoken(tail) for _, from_, tail in parts if from_ in ("*", source)]
    if of_source:
        text = f"The event's type is '{subjects.untoken(name)}'; wanted of this source: {', '.join(of_source)}."
        return Verdict("not_matched", "type", text, matched=False)
    sources = sorted({subjects.untoken(from_) for _, from_, _ in parts})
    text = f"The event's source is '{subjects.untoken(source)}'; the Subscription wants {', '.join(sources)}."
    return Verdict("not_matched", "source", text, matched=False)


def _of_owner(event: Event, listening: Listening) -> Verdict:
    source = subjects.untoken(event.subject.split(".", 2)[1])
    wanted = ", ".join(listening.owners_of(event.subject))
    text = f"The event is of '{source}', which by letters and digits is not the owner in the type wanted: {wanted}."
    return Verdict("not_matched", "source", text, matched=False)


def covers(wanted: str, subject: str) -> bool:
    """Say whether a filter subject covers a subject: `*` is one token, `>` all that follow."""
    pattern, given = wanted.split("."), subject.split(".")
    for index, part in enumerate(pattern):
        if part == ">":
            return len(given) > index
        if index >= len(given) or part not in ("*", given[index]):
            return False
    return len(pattern) == len(given)


def _of_filter(wish: Wish) -> Verdict | None:
    if wish.refused_by is None:
        return None
    number = wish.refused_by
    written = dict(wish.filters[number]) if number < len(wish.filters) else {}
    return Verdict("not_matched", "filter", f"spec.filters[{number}] refuses it: {written}.", matched=False)


def of_place(evidence: Evidence, standing: Standing) -> Verdict:
    """Return what the position says of an event that nothing else is recorded of but failed attempts."""
    place = standing.place_of(evidence.sequence, evidence.stored_at)
    if place == "waiting":
        return _waiting(standing)
    if place == "in_hand":
        return _in_hand(evidence.attempts, standing)
    if place == "settled" and standing.generation > 1 and not evidence.attempts:
        return Verdict(
            "settled",
            "settled",
            "Settled: delivered, or passed over if the Subscription did not want it then - it was changed since it was"
            " made. Record successes (HUB_DISPATCH__RECORD_SUCCESSES) to know.",
            certain=False,
        )
    return _FIXED[place]


_FIXED = {
    "settled": Verdict(
        "delivered", "delivered", "Delivered: the Subscription's position is past it and it was not given up."
    ),
    "earlier": Verdict(
        "not_delivered", "created_after", "It was stored before the Subscription was made; `hub replay` can bring it."
    ),
    "skipped": Verdict(
        "not_delivered",
        "position",
        "The Subscription's position was set behind it; whether it was delivered before is not known.",
        certain=False,
    ),
    "absent": Verdict("waiting", "not_ready", "The Subscription has no consumer yet; see its status."),
}


def _waiting(standing: Standing) -> Verdict:
    if standing.is_paused:
        return Verdict("waiting", "paused", "The Subscription is paused; the event waits.")
    if standing.breaker == "open":
        return Verdict("waiting", "circuit_open", "The circuit breaker is open: the sink failed too often. It waits.")
    return Verdict("waiting", "not_yet", f"Not handed out yet; {standing.waiting} events wait in all.")


def _in_hand(attempts: Sequence[Mapping[str, Any]], standing: Standing) -> Verdict:
    if not attempts:
        return Verdict("under_way", "under_way", "Handed out; no failed attempt: being delivered, or just delivered.")
    last = attempts[-1]
    due = str(last.get("next_at") or "")
    again = f"The next is due at {due}" if due else "Another one follows"
    paused = ", once the Subscription is resumed" if standing.is_paused else ""
    text = f"Attempt {last.get('attempt')} failed: {_sentence(last.get('error'))} {again}{paused}."
    return Verdict("retrying", "sink", text, next_at=due)


def _sentence(text: Any) -> str:
    """Return a reason as a sentence of its own."""
    told = str(text or "no reason given").strip()
    return told if told.endswith((".", "!", "?")) else f"{told}."


def collect(
    own: Evidence,
    replays: Sequence[Evidence],
    records: Sequence[Mapping[str, Any]],
    letters: Sequence[Mapping[str, Any]],
    drops: Sequence[Mapping[str, Any]],
) -> list[Evidence]:
    """Return the trail: each position with its own records.

    Args:
        own: the event itself.
        replays: its replays to this Subscription, oldest first.
        records: attempts at this event and Subscription, oldest first; older writers gave no position.
        letters: dead letters as `dead_letters.shown` tells them, with `position` added.
        drops: audit records of dropped dead letters.
    """
    trail = [own, *replays]
    filled = []
    for index, each in enumerate(trail):
        following = trail[index + 1].stored_at if index + 1 < len(trail) else float("inf")
        mine = tuple(record for record in records if _belongs(record, each, following))
        letter = next((found for found in letters if found["position"] == each.sequence), None)
        drop = next((found for found in drops if found.get("sequence") == each.sequence), None)
        filled.append(replace(each, attempts=mine, letter=letter, dropped=drop))
    return filled


def _belongs(record: Mapping[str, Any], evidence: Evidence, following: float) -> bool:
    if record.get("sequence"):
        return bool(record["sequence"] == evidence.sequence)
    return evidence.stored_at <= float(record["recorded_at"]) < following


def told(trail: Sequence[Evidence], verdict: Verdict) -> dict[str, Any]:
    """Return a verdict and its trail as JSON for people and programs."""
    letter = next((each.letter for each in reversed(trail) if each.letter is not None), None)
    return {
        "state": verdict.state,
        "step": verdict.step,
        "text": verdict.text,
        "matched": verdict.matched,
        "certain": verdict.certain,
        "next_at": verdict.next_at,
        "dead_letter": {key: value for key, value in letter.items() if key != "position"} if letter else None,
        "deliveries": [_told(each) for each in trail if each.origin or each.attempts],
    }


def _told(evidence: Evidence) -> dict[str, Any]:
    names = ("attempt", "at", "status", "seconds", "outcome", "kind", "error", "excerpt", "next_at")
    attempts = [{name: attempt.get(name) for name in names} for attempt in evidence.attempts]
    return {
        "sequence": evidence.sequence,
        "at": dead_letters.moment_text(evidence.stored_at),
        "replay_of": evidence.of,
        "origin": evidence.origin or "accepted",
        "by": evidence.by,
        "attempts": attempts,
    }
