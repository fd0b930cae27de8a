"""Does a Subscription want an event? The types are nats-server's matter; this is for the filters beyond them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.dispatch.filters.candidate import Candidate, Predicate


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a Subscription does not want an event."""

    position: int
    """Which of its filters said no, counted from 0."""
    error: str = ""
    """What went wrong when that filter could not be evaluated; empty for a plain no."""


def find_refusal(filters: Sequence[Predicate], headers: Mapping[str, str], body: bytes = b"") -> Refusal | None:
    """Return the first filter that says no; None when the event is wanted. Never raises.

    Args:
        filters: compiled; all must hold.
        headers: of the stored event.
        body: its data as stored; parsed only when a filter looks into it, and once at most.
    """
    if not filters:
        return None
    candidate = Candidate(headers, body)
    for position, holds in enumerate(filters):
        known = len(candidate.errors)
        if not holds(candidate):
            return Refusal(position, "; ".join(candidate.errors[known:]))
    return None
