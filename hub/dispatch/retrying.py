"""What follows from an answer: done, another attempt after a pause, or given up. Pure.

The rule of answers is Knative's: whatever may pass is tried again - no answer, any 5xx, 404, 408, 409, 429 - and all
other answers are final. A Subscription can only add final ones.

Source: knative/pkg, kncloudevents/retries.go.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from contracts.envelope import DEPTH
from hub.dispatch.model import Answer, Delivery, Progress, Sink
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


TAKEN = Verdict("ack")


@dataclass(frozen=True, slots=True)
class Moment:
    """What of the world a verdict depends on."""

    now: float
    """Seconds since 1970."""
    chance: float = 0.0
    """A number from 0 up to 1, for the jitter."""
    longest_pause_seconds: float = 3600.0
    """Most that a sink may ask for."""


def is_gone(answer: Answer, sink: Sink) -> bool:
    """Say whether a sink must not be sent to any more: 410, as the CloudEvents webhook specification has it.

    Of an address only: what a Function or a service on a subject answers is about the event.
    """
    return sink.kind == "http" and answer.status == _GONE


def judge(answer: Answer, progress: Progress, stored_at: float, policy: Policy, moment: Moment) -> Verdict:
    """Decide after an attempt.

    Args:
        answer: what the sink said.
        progress: the attempts that ended, this one included.
        stored_at: when the event was stored, in seconds since 1970.
        policy: that of the Subscription.
        moment: time, chance and the bound of pauses.
    """
    if answer.is_success and not answer.error:
        return TAKEN
    reason = reason_of(answer)
    if not is_retried(answer, policy):
        return Verdict("dead_letter", "final-status", reason)
    if progress.attempts >= policy.max_attempts:
        return Verdict("dead_letter", "attempts-exhausted", reason)
    pause = policy.backoff.wait(progress.attempts, moment.chance)
    if answer.status in _PAUSED:
        pause = max(pause, pause_of(answer.retry_after, moment.now, moment.longest_pause_seconds))
    if policy.max_age_seconds is not None and moment.now + pause - stored_at > policy.max_age_seconds:
        return Verdict("dead_letter", "too-old", f"{reason} The event is too old for another attempt.")
    return Verdict("retry", "upstream-unavailable", reason, pause)


def judge_arrival(progress: Progress, stored_at: float, policy: Policy, now: float, most_lost: int) -> Verdict | None:
    """Decide before an attempt; None to make it.

    Args:
        progress: the attempts so far, and how often a worker got the event and was not heard of again.
        stored_at: when the event was stored, in seconds since 1970.
        policy: that of the Subscription.
        now: seconds since 1970.
        most_lost: how many lost workers one event may cost.
    """
    if progress.lost > most_lost:
        return Verdict("dead_letter", "no-answer", f"{progress.lost} workers got the event and ended without a word.")
    if progress.attempts >= policy.max_attempts:
        text = f"All {policy.max_attempts} attempts have been made; what the last one answered was not kept."
        return Verdict("dead_letter", "attempts-exhausted", text)
    if policy.max_age_seconds is not None and now - stored_at > policy.max_age_seconds:
        return Verdict("dead_letter", "too-old", f"The event is older than {policy.max_age_seconds:g} s.")
    return None


def judge_chain(delivery: Delivery, limit: int) -> Verdict | None:
    """Decide before an attempt at a Function whether the event has come through too many of them; None to go on.

    What an operator replays goes on: that is how the work is taken up again once the circle is broken.
    """
    said = delivery.attribute(DEPTH)
    if not said.isdecimal() or int(said) <= limit or delivery.subject.startswith("replay."):
        return None
    text = f"The event came through {said} Functions, more than {limit}: they seem to call each other in a circle."
    return Verdict("dead_letter", "chain-too-deep", text)


def reason_of(answer: Answer) -> str:
    """Return why an answer is no success, in one sentence."""
    if answer.status is None or answer.is_success:
        return answer.error
    said = f"The sink answered {answer.status}"
    return f"{said}: {answer.error}" if answer.error else f"{said}."


def is_retried(answer: Answer, policy: Policy) -> bool:
    """Say whether another attempt may help."""
    status = answer.status
    if status is None or answer.is_success:  # the second: a status came, the rest of the answer did not
        return True
    if status == _GONE or status in policy.final_status_codes:
        return False
    return status >= 500 or status in _RETRIED


def pause_of(text: str, now: float, limit_seconds: float) -> float:
    """Return the seconds that a `Retry-After` asks for: a number or an HTTP date; 0 for what is neither."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), limit_seconds)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    aware: datetime = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, aware.timestamp() - now), limit_seconds)
