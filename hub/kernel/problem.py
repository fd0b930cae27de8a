"""Errors as problem details (RFC 9457): the shape of the hub's own surfaces."""

from typing import Any

import orjson

from hub.kernel.errors import HubError

MEDIA_TYPE = "application/problem+json"


def problem_of(error: HubError) -> dict[str, Any]:
    """Return the members of the problem: type, title, status, detail, and the error's own fields."""
    fields = {name: value for name, value in error.fields.items() if isinstance(value, str | int | float | bool | list)}
    return parts_of(error.status, error.kind, error.detail) | fields


def parts_of(status: int, kind: str, detail: str) -> dict[str, Any]:
    """Return the members that every problem has."""
    title = kind.replace("-", " ").capitalize()
    return {"type": f"urn:hub:{kind}", "title": title, "status": status, "detail": detail}


def render(error: HubError) -> bytes:
    """Return the problem as JSON."""
    return orjson.dumps(problem_of(error))


def render_parts(status: int, kind: str, detail: str) -> bytes:
    """Return a problem that is no error of ours (the router's refusals) as JSON."""
    return orjson.dumps(parts_of(status, kind, detail))


def headers_of(error: HubError) -> dict[str, str]:
    """Return the headers an error asks for: `Retry-After` where trying again may help."""
    seconds = error.fields.get("retry_after_seconds")
    if seconds is None and error.status == 503:
        seconds = 1
    return {} if seconds is None else {"Retry-After": str(max(1, round(float(seconds))))}
