"""What became of every event of the demo. Pure: answers, arrivals and dead letters in, account and complaints out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hub.demo.events import BREAKS_SCHEMA, FOREIGN, POISONED, RAISES_TWICE, REPEATED, TOTAL

Outcome = Literal["delivered", "refused", "duplicate", "dead-lettered", "unaccounted"]
PROBE = "probe"


@dataclass(frozen=True, slots=True)
class Posted:
    """What the solution was answered to one event."""

    id: str
    type: str
    form: str
    status: int
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the account."""

    posted: Posted
    outcome: Outcome

    def as_document(self) -> dict[str, Any]:
        """Return the machine-readable line."""
        posted = self.posted
        said = {"id": posted.id, "type": posted.type, "form": posted.form}
        return said | {"status": posted.status, "outcome": self.outcome}


def account(posted: Sequence[Posted], received: Collection[str], dead: Collection[str]) -> list[Entry]:
    """Say for each posted event what became of it."""
    seen: set[str] = set()
    entries = []
    for each in posted:
        entries.append(Entry(each, _outcome(each, received, dead, again=each.id in seen)))
        seen.add(each.id)
    return entries


def _outcome(posted: Posted, received: Collection[str], dead: Collection[str], *, again: bool) -> Outcome:
    if posted.status >= 400:
        # What was refused must not have got through all the same.
        return "unaccounted" if posted.id in received or posted.id in dead else "refused"
    # An answer that got lost makes the solution post again: that is no repeat in its plan, so it counts as the first.
    if posted.duplicate and again:
        return "duplicate"
    if posted.id in dead:
        return "dead-lettered"
    return "delivered" if posted.id in received else "unaccounted"


def unaccounted(entries: Sequence[Entry]) -> list[Posted]:
    """Return the events of which nobody knows what became."""
    return [entry.posted for entry in entries if entry.outcome == "unaccounted"]


def counts(entries: Sequence[Entry]) -> dict[str, int]:
    """Return how many of the planned events ended how."""
    outcomes = ("delivered", "refused", "duplicate", "dead-lettered", "unaccounted")
    planned = [entry for entry in entries if entry.posted.form != PROBE]
    return {name: sum(entry.outcome == name for entry in planned) for name in outcomes}


def complaints(entries: Sequence[Entry], failed_attempts: Mapping[str, int], replayed: Collection[str]) -> list[str]:
    """Return what did not hold, one sentence each.

    Args:
        entries: the account.
        failed_attempts: how often the sink or the function failed, by event.
        replayed: the events that arrived after the sink was healed.
    """
    found = [f"Event {each.id} ({each.form}, answered {each.status}) is lost." for each in unaccounted(entries)]
    planned = [entry for entry in entries if entry.posted.form != PROBE]
    if len(planned) != TOTAL:
        found.append(f"{len(planned)} events were posted, not {TOTAL}.")
    found += _unlike(planned, "The event that breaks its schema", BREAKS_SCHEMA, [("refused", 422)])
    found += _unlike(planned, "The event with another application's path", FOREIGN, [("refused", 403)])
    found += _unlike(planned, "The event whose function raises twice", RAISES_TWICE, [("delivered", 0)])
    found += _unlike(planned, "The event whose sink answers 500", POISONED, [("dead-lettered", 0)])
    found += _unlike(planned, "The repeated event", REPEATED, [("delivered", 0), ("duplicate", 0)])
    if refused := counts(entries)["refused"] - 2:
        found.append(f"{refused} more events were refused than should be.")
    if failed_attempts.get(RAISES_TWICE, 0) != 2:
        found.append(f"The function raised {failed_attempts.get(RAISES_TWICE, 0)} times, not twice.")
    if POISONED not in replayed:
        found.append("The replayed dead letter did not arrive.")
    return found


def _unlike(entries: Sequence[Entry], what: str, identifier: str, wanted: list[tuple[str, int]]) -> list[str]:
    """Return a complaint unless the entries of an id are the wanted ones; a status of 0 means any below 300."""
    mine = [entry for entry in entries if entry.posted.id == identifier]
    found = sorted((entry.outcome, entry.posted.status * (entry.posted.status >= 300)) for entry in mine)
    if found == sorted(wanted):
        return []
    seen = ", ".join(f"{entry.outcome} ({entry.posted.status})" for entry in mine) or "not posted"
    return [f"{what} is {seen}."]
