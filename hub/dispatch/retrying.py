"""What follows from an answer: done, another attempt after a pause, or given up. Pure."""

from dataclasses import dataclass
from typing import Literal

from hub.dispatch.model import Answer, Delivery
from hub.dispatch.policy import Policy

_RETRIED = frozenset({404, 408, 409, 429})
_PAUSED = frozenset({429, 503})
_GONE = 410


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a delivery after an attempt."""

    action: Literal["ack", "retry", "dead_letter"]
    kind: str = ""
    reason: str = ""
    pause_seconds: float = 0.0


def judge(answer: Answer, delivery: Delivery, policy: Policy, now: float, random: float) -> Verdict:
    """Decide after an attempt.

    Args:
        answer: what the sink said.
        delivery: the attempt it answered.
        policy: that of the Subscription.
        now: seconds since 1970.
        random: a number from 0 up to 1, for the jitter.
    """
    if answer.is_success:
        return Verdict("ack")
    reason = answer.error or f"The sink answered {answer.status}."
    if not is_retried(answer.status, policy):
        return Verdict("dead_letter", "final-status", reason)
    if delivery.attempt >= policy.max_attempts:
        return Verdict("dead_letter", "attempts-exhausted", reason)
    pause = policy.backoff.wait(delivery.attempt, random)
    if answer.status in _PAUSED:
        pause = max(pause, min(answer.retry_after_seconds, policy.backoff.max_seconds))
    if policy.max_age_seconds is not None and now + pause - delivery.stored_at > policy.max_age_seconds:
        return Verdict("dead_letter", "too-old", reason)
    return Verdict("retry", "upstream-unavailable", reason, pause)


def is_retried(status: int | None, policy: Policy) -> bool:
    """Say whether another attempt may help.

    Source: knative/pkg, kncloudevents/retries.go.
    """
    if status is None:
        return True
    if status == _GONE or status in policy.final_status_codes:
        return False
    return status >= 500 or status in _RETRIED
