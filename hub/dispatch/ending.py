"""What is kept of a delivery that was given up, and of each attempt: the dead letter's headers, the record. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.delivery.attempt import AttemptRecord
from contracts.envelope import decode_value
from hub.dispatch.model import Answer, Delivery
from hub.dispatch.planning import Plan
from hub.dispatch.retrying import Verdict

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_HEADER_LIMIT = 1000
_ORDERS = ("nats-", "hub-")


def event_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of the event itself: without the hub's own, and without orders to nats-server."""
    return {name: value for name, value in headers.items() if not name.lower().startswith(_ORDERS)}


def letter_headers(plan: Plan, delivery: Delivery, verdict: Verdict, answer: Answer, attempts: int) -> dict[str, str]:
    """Return the headers of a dead letter; its message id makes storing it twice harmless."""
    return event_headers(delivery.headers) | {
        "Hub-Reason": on_one_line(verdict.reason),
        "Hub-Kind": verdict.kind,
        "Hub-Attempts": str(attempts),
        "Hub-Status": str(answer.status or ""),
        "Hub-Subject": delivery.subject,
        "Hub-Stream-Sequence": str(delivery.sequence),
        "Hub-Subscription": plan.label,
        "Hub-Response": on_one_line(answer.excerpt),
        "Nats-Msg-Id": f"dead/{plan.label}/{plan.uid}/{delivery.sequence}",
    }


def on_one_line(text: str) -> str:
    """Return a text as a header may carry it."""
    return _CONTROL.sub(" ", text).encode("ascii", "replace").decode()[:_HEADER_LIMIT].strip()


@dataclass(frozen=True, slots=True)
class Attempt:
    """When and how an attempt ended."""

    number: int
    """Counted from 1."""
    ended_at: float
    """In seconds since 1970."""
    seconds: float
    answer: Answer
    verdict: Verdict


def record_of(plan: Plan, delivery: Delivery, attempt: Attempt) -> bytes:
    """Return the record of an attempt, as JSON."""
    answer, verdict = attempt.answer, attempt.verdict
    return AttemptRecord(
        id=decode_value(delivery.attribute("id")),
        source=decode_value(delivery.attribute("source")),
        type=decode_value(delivery.attribute("type")),
        sequence=delivery.sequence,
        scope=plan.scope,
        subscription=plan.name,
        attempt=attempt.number,
        at=_moment(attempt.ended_at),
        status=answer.status,
        seconds=round(attempt.seconds, 6),
        outcome=verdict.action,
        kind=verdict.kind,
        error=verdict.reason,
        excerpt=answer.excerpt,
        next_at=_moment(attempt.ended_at + verdict.pause_seconds) if verdict.action == "retry" else "",
    ).encoded()


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
