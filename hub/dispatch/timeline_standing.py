"""How far a Subscription has come in the stream, as nats-server tells it, and what that says about one event. Pure.

nats-server remembers a position, not each event: what lies at or below it is settled - delivered, given up, or passed
over. What was given up is known from its dead letter; the rest was delivered, as long as the Subscription wanted then
what it wants now.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from hub.kernel.resource import Resource

Place = Literal["absent", "earlier", "skipped", "waiting", "in_hand", "settled"]
"""absent: nothing delivers; earlier: stored before the Subscription was made; skipped: its position was set behind it;
waiting: not handed out yet; in_hand: being delivered, waiting for its next attempt, or just delivered."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one Subscription and its consumer."""

    created: float
    """When the Subscription was made, in seconds since 1970."""
    generation: int
    is_paused: bool
    breaker: str = "closed"
    """State of its circuit breaker, as the worker told it last."""
    has_consumer: bool = True
    start_moment: float = 0.0
    """Events stored before were never meant for this consumer."""
    start_sequence: int = 0
    delivered: int = 0
    """Newest position handed out."""
    floor: int = 0
    """Everything up to here is settled."""
    waiting: int = 0
    """Events that wait behind `delivered`."""
    in_hand: int = 0

    def place_of(self, sequence: int, stored_at: float) -> Place:
        """Return where an event that this Subscription listens for stands."""
        if stored_at < self.created:
            return "earlier"
        if not self.has_consumer:
            return "absent"
        if stored_at < self.start_moment or sequence < self.start_sequence:
            return "skipped"
        if sequence > self.delivered:
            return "waiting"
        return "settled" if sequence <= self.floor or self.in_hand == 0 else "in_hand"


def standing_of(resource: Resource, info: Mapping[str, Any] | None) -> Standing:
    """Return what is known.

    Args:
        resource: the Subscription.
        info: nats-server's CONSUMER.INFO; None when there is no consumer.
    """
    breaker = resource.status.get("circuitBreaker")
    state = str(breaker.get("state", "closed")) if isinstance(breaker, Mapping) else "closed"
    created, paused = moment_of(resource.created), resource.spec.get("paused") is True
    if info is None:
        return Standing(created, resource.generation, paused, state, has_consumer=False)
    config = info.get("config") or {}
    return Standing(
        created,
        resource.generation,
        paused or info.get("paused") is True,
        state,
        start_moment=_start_moment(config, info),
        start_sequence=int(config.get("opt_start_seq") or 0),
        delivered=_position(info, "delivered"),
        floor=_position(info, "ack_floor"),
        waiting=int(info.get("num_pending") or 0),
        in_hand=int(info.get("num_ack_pending") or 0),
    )


def _start_moment(config: Mapping[str, Any], info: Mapping[str, Any]) -> float:
    if config.get("deliver_policy") == "new":
        return moment_of(str(info.get("created") or ""))
    return moment_of(str(config.get("opt_start_time") or ""))


def _position(info: Mapping[str, Any], name: str) -> int:
    return int((info.get(name) or {}).get("stream_seq") or 0)


def moment_of(text: str) -> float:
    """Return an RFC 3339 moment in seconds since 1970; 0 for an empty text or none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
