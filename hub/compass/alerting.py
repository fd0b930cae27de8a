"""What a person has to look after, read from the connection's status. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

_LATE_INTERVALS = 3
_GOOD = ("Connected", "Synchronized")


def alerts(status: Mapping[str, Any], now: datetime, *, interval_seconds: float, renewal_share: float) -> list[str]:
    """Return what is wrong with the connection, one sentence each; none when all is well.

    Args:
        status: of the connection.
        now: the present.
        interval_seconds: between two synchronizations.
        renewal_share: of a certificate's validity that is left when it is renewed.
    """
    return [
        *_of_state(status),
        *_of_age(status, now, interval_seconds * _LATE_INTERVALS),
        *_of_certificate(_map(_map(status, "connectionStatus"), "certificateStatus"), now, renewal_share),
        *_of_applications(_map(status, "applications")),
    ]


def _of_state(status: Mapping[str, Any]) -> Iterator[str]:
    state = status.get("connectionState") or "not connected yet"
    if state not in _GOOD:
        errors = (_map(status, name).get("error") for name in ("connectionStatus", "synchronizationStatus"))
        yield f"{state}: {next((str(error) for error in errors if error), 'no reason is known')}"


def _of_age(status: Mapping[str, Any], now: datetime, limit_seconds: float) -> Iterator[str]:
    last = _moment(_map(status, "synchronizationStatus").get("lastSuccessfulApplication"))
    if last is not None and now - last > timedelta(seconds=limit_seconds):
        yield f"The last good synchronization was {_span(now - last)} ago."


def _of_certificate(said: Mapping[str, Any], now: datetime, renewal_share: float) -> Iterator[str]:
    begin, end = _moment(said.get("notBefore")), _moment(said.get("notAfter"))
    if begin is None or end is None:
        return
    if now < begin:
        yield f"The client certificate begins in {_span(begin - now)}: this machine's clock is behind that of Compass."
    elif now >= end:
        yield f"The client certificate ended {_span(now - end)} ago; pair with a new token: hub compass pair"
    elif end - now < (end - begin) * renewal_share / 2:
        yield f"The client certificate ends in {_span(end - now)} and could not be renewed."


def _of_applications(said: Mapping[str, Any]) -> Iterator[str]:
    failures, withheld = said.get("failures") or (), said.get("withheld") or 0
    if failures:
        first = failures[0]
        yield f"{said.get('failed')} Applications could not be taken over, first {first['name']}: {first['error']}"
    if withheld:
        yield f"{withheld} Applications are gone at the Director and were kept: hub compass sync --accept-removals"


def _map(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} seconds"
