"""Where a Subscription's consumer begins when it has to be made, and what a request for a position means. Pure."""

from datetime import UTC, datetime
from typing import Any

from hub.dispatch.model import Start
from hub.kernel.errors import InvalidField
from hub.kernel.resource import Resource


def moment_of(text: str) -> datetime:
    """Return an RFC 3339 moment.

    Raises:
        ValueError: it is none.
    """
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def start_in(resource: Resource) -> Start:
    """Return where a consumer that is not there begins: at the position asked for last, else with the Subscription.

    The second in which the Subscription was made counts whole, for events accepted since then are its; so a consumer
    that was lost repeats events rather than losing any.
    """
    asked = resource.status.get("start") or {}
    if "sequence" in asked:
        return Start(sequence=asked["sequence"])
    return Start(moment=moment_of(asked.get("moment") or resource.created))


def start_status(to: Any, last_sequence: int) -> dict[str, Any]:
    """Return what the status keeps of a request for another position.

    Args:
        to: `now`, `beginning`, a moment (RFC 3339) or a position in the stream.
        last_sequence: position of the newest event.

    Raises:
        InvalidField: it means none of these.
    """
    if to == "now":
        return {"sequence": last_sequence + 1}
    if to == "beginning":
        return {"sequence": 1}
    if isinstance(to, int) and not isinstance(to, bool) and to >= 1:
        return {"sequence": to}
    try:
        return {"moment": moment_of(to if isinstance(to, str) else "").isoformat()}
    except ValueError as error:
        raise InvalidField(
            "to must be now, beginning, a moment such as 2026-01-31T12:00:00Z, or a position in the stream.", field="to"
        ) from error
