"""What an answer means to the one who called: an outcome to count, a reply on the bus, a line for the log. Pure."""

import re
from collections.abc import Mapping
from math import inf

from contracts.calls import EXCERPT_BYTES, TIMEOUT
from hub.functions.model import Answer
from hub.kernel.errors import HubError

STATUS = "Hub-Status"
ERROR = "Hub-Error"

SUCCEEDED, FAILED, TIMED_OUT, UNAVAILABLE = "succeeded", "failed", "timed_out", "unavailable"

_ERROR_LIMIT = 500
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_SHORTEST_SECRET = 6


def outcome_of(answer: Answer | HubError) -> str:
    """Return the outcome that is counted: 2xx succeeded, anything else did not."""
    if isinstance(answer, HubError):
        return UNAVAILABLE
    if answer.failure is not None and answer.status == 408:
        return TIMED_OUT
    return SUCCEEDED if 200 <= answer.status < 300 else FAILED


def error_of(answer: Answer | HubError, hidden: tuple[str, ...] = ()) -> str:
    """Return what went wrong on one line, empty when nothing did; values of Secrets are blotted out."""
    if isinstance(answer, HubError):
        text = answer.detail
    elif answer.failure is not None:
        text = answer.failure.sentence()
    elif answer.status >= 300:
        text = f"the Function answered {answer.status}"
    else:
        return ""
    for value in hidden:
        if len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "***")
    return _CONTROL.sub(" ", text).encode("ascii", "replace").decode()[:_ERROR_LIMIT]


def reply_of(answer: Answer | HubError, limit_bytes: int, hidden: tuple[str, ...] = ()) -> tuple[dict[str, str], bytes]:
    """Return headers and body of the reply on the bus: the status, the error on one line, the beginning of the body."""
    status, body = (answer.status, b"") if isinstance(answer, HubError) else (answer.status, answer.body)
    error = error_of(answer, hidden)
    return {STATUS: str(status)} | ({ERROR: error} if error else {}), body[:limit_bytes]


def told_of(place: int, answer: Answer | HubError, hidden: tuple[str, ...] = ()) -> list[int | str]:
    """Return what is replied about one of several calls: its place and status; of a failure also why, and its body."""
    if 200 <= answer.status < 300:
        return [place, answer.status]
    body = b"" if isinstance(answer, HubError) else answer.body
    return [place, answer.status, error_of(answer, hidden), body[:EXCERPT_BYTES].decode(errors="replace")]


def asked_limit(headers: Mapping[str, str]) -> float:
    """Return the time limit that a caller gives; infinite where it gives none. The Function's own holds as well."""
    try:
        asked = float(headers.get(TIMEOUT, ""))
    except ValueError:
        return inf
    return asked if asked > 0 else inf
