"""What becomes of a message: acknowledged, tried again, or given up as a dead letter. The one place that decides it.

The consumers' own `max_deliver` is unlimited, so the limit of attempts is ours: nats-server never drops a message that
nobody has given up. Losing a message is no outcome.
"""

from dataclasses import dataclass
from typing import Literal

from hub.kernel.errors import HubError

Action = Literal["ack", "retry", "dead_letter"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to do with a message, and why."""

    action: Action
    reason: str = ""
    """One sentence for people; empty for an acknowledgement."""
    kind: str = ""
    """Kind of the error, such as `upstream-unavailable`."""
    is_bug: bool = False
    """The error is none of ours: log it with its traceback."""


ACK = Outcome("ack")


def on_arrival(attempt: int, limit: int) -> Outcome | None:
    """Decide before the handler is called: None to call it.

    A message above its limit had attempts that ended without an answer: each killed its worker or ran out of time.

    Args:
        attempt: how often the message was handed out, this time included.
        limit: most attempts.
    """
    if attempt <= limit:
        return None
    reason = f"{attempt - 1} attempts of at most {limit} ended without an answer: a crash or a time-out."
    return Outcome("dead_letter", reason, "no-answer")


def decide(error: BaseException | None, attempt: int, limit: int) -> Outcome:
    """Decide after the handler ended.

    Args:
        error: what it raised; None when it succeeded.
        attempt: the attempt that ended, counted from 1.
        limit: most attempts.
    """
    if error is None:
        return ACK
    if not isinstance(error, HubError):
        return Outcome("dead_letter", f"Internal error: {type(error).__name__}.", "bug", is_bug=True)
    if error.retry and attempt < limit:
        return Outcome("retry", error.detail, error.kind)
    return Outcome("dead_letter", error.detail, error.kind)
