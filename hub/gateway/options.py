"""What an Application says about its calls beyond its spec: annotations, for all its APIs or for one. Pure.

`gateway.hub/timeout: 60s` holds for every API, `gateway.hub/timeout.order-api: 5m` for the one of that name.
`gateway.hub/ca-secret` names a Secret with `ca.crt`: further authorities (PEM) whose certificates the target may have.
`gateway.hub/callers` lists who may call: Functions as `scope/name`, whole scopes as `scope/*`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hub.kernel.errors import Misconfigured

PREFIX = "gateway.hub/"
_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
LONGEST_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Options:
    """What holds for the calls of one API."""

    timeout_seconds: float
    authority_secret: str = ""
    callers: frozenset[str] | None = None
    """None: whoever reaches the gateway."""


def options_of(annotations: Mapping[str, str], service: str, *, timeout_seconds: float) -> Options:
    """Return the options of one API.

    Args:
        annotations: of the Application.
        service: normalised name of the Service.
        timeout_seconds: holds where nothing is said.

    Raises:
        Misconfigured: an annotation cannot be read.
    """

    def said(name: str) -> str:
        return annotations.get(f"{PREFIX}{name}.{service}") or annotations.get(PREFIX + name) or ""

    timeout, callers = said("timeout"), said("callers")
    return Options(
        seconds_of(timeout) if timeout else timeout_seconds,
        said("ca-secret"),
        frozenset(part.strip() for part in callers.split(",") if part.strip()) if callers else None,
    )


def seconds_of(text: str) -> float:
    """Return the seconds of a duration such as `500ms`, `30s`, `5m`.

    Raises:
        Misconfigured: it is none, or not between a millisecond and a day.
    """
    found = _DURATION.fullmatch(text.strip())
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not 0 < seconds <= LONGEST_SECONDS:
        raise Misconfigured(f"the annotation {PREFIX}timeout must be a duration like 30s, up to 24h")
    return seconds
