"""How often, how long and with which pauses a Subscription's deliveries are tried: `spec.delivery`. Pure.

Whatever is written there is either honoured or refused with its path; nothing is passed over.
"""

from dataclasses import dataclass, field
from typing import Any

from hub.dispatch.durations import LONGEST, seconds_of
from hub.kernel.backoff import Backoff
from hub.kernel.errors import InvalidField
from hub.kernel.resource import need_map, refuse_unknown

PATH = "spec.delivery"
FIELDS = frozenset({"maxAttempts", "maxAge", "timeout", "backoff", "finalStatusCodes"})
NOT_OFFERED = ("ordering", "batch", "signing", "circuitBreaker")
_BACKOFF_FIELDS = frozenset({"policy", "initial", "max", "jitter", "schedule"})
_MOST_ATTEMPTS = 10_000
_LONGEST_TIMEOUT = 3600.0


@dataclass(frozen=True, slots=True)
class Policy:
    """When to try again and when to give up."""

    max_attempts: int = 10
    max_age_seconds: float | None = None
    """Age of the event past which no further attempt is scheduled; None for no limit."""
    timeout_seconds: float = 30.0
    """Per attempt."""
    backoff: Backoff = field(default_factory=Backoff)
    final_status_codes: frozenset[int] = frozenset()
    """Answers that are not tried again, besides those that never are."""


def read(delivery: Any) -> Policy:
    """Return the policy that `spec.delivery` describes; absent parts have the defaults.

    Raises:
        InvalidField: with the path.
    """
    if delivery is None:
        return Policy()
    given = need_map(delivery, PATH)
    for name in NOT_OFFERED:
        if name in given:
            raise InvalidField(f"{PATH}.{name} is not offered yet; remove it.", field=f"{PATH}.{name}")
    refuse_unknown(given, FIELDS, PATH)
    return Policy(
        max_attempts=_count(given.get("maxAttempts", 10)),
        max_age_seconds=_duration(given["maxAge"], f"{PATH}.maxAge") if "maxAge" in given else None,
        timeout_seconds=_duration(given.get("timeout", "30s"), f"{PATH}.timeout", most=_LONGEST_TIMEOUT),
        backoff=_backoff(given.get("backoff")),
        final_status_codes=_status_codes(given.get("finalStatusCodes", [])),
    )


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_ATTEMPTS:
        path = f"{PATH}.maxAttempts"
        raise InvalidField(f"{path} must be a whole number from 1 to {_MOST_ATTEMPTS}.", field=path)
    return value


def _duration(value: Any, path: str, *, most: float = LONGEST, least: float = 0.001) -> float:
    if not isinstance(value, str):
        raise InvalidField(f'{path} must be a duration in text, such as "30s".', field=path)
    try:
        seconds = seconds_of(value)
    except ValueError as error:
        raise InvalidField(f"{path}: {error}.", field=path) from error
    if not least <= seconds <= most:
        raise InvalidField(f"{path} must be from {least:g} to {most:g} seconds, not {value}.", field=path)
    return seconds


def _backoff(value: Any) -> Backoff:
    if value is None:
        return Backoff()
    path = f"{PATH}.backoff"
    given = need_map(value, path)
    refuse_unknown(given, _BACKOFF_FIELDS, path)
    jitter = _share(given.get("jitter", 0.2), f"{path}.jitter")
    policy = given.get("policy", "schedule" if "schedule" in given else "exponential")
    if policy == "schedule":
        _refuse_beside(given, ("initial", "max"), path, "schedule")
        return Backoff("schedule", jitter=jitter, schedule=_schedule(given.get("schedule"), f"{path}.schedule"))
    if policy not in ("exponential", "linear"):
        raise InvalidField(f"{path}.policy must be exponential, linear or schedule.", field=f"{path}.policy")
    _refuse_beside(given, ("schedule",), path, policy)
    initial = _duration(given.get("initial", "1s"), f"{path}.initial")
    longest = _duration(given.get("max", "5m"), f"{path}.max")
    if longest < initial:
        raise InvalidField(f"{path}.max must not be shorter than {path}.initial.", field=f"{path}.max")
    return Backoff(policy, initial, longest, jitter)


def _refuse_beside(given: dict[str, Any], names: tuple[str, ...], path: str, policy: str) -> None:
    for name in names:
        if name in given:
            raise InvalidField(f"{path}.{name} has no meaning with the policy {policy}.", field=f"{path}.{name}")


def _share(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InvalidField(f"{path} must be a number from 0 to 1.", field=path)
    return float(value)


def _schedule(value: Any, path: str) -> tuple[float, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidField(f"{path} must be a list of durations, such as [1s, 10s, 1m].", field=path)
    return tuple(_duration(entry, f"{path}[{index}]", least=0.0) for index, entry in enumerate(value))


def _status_codes(value: Any) -> frozenset[int]:
    path = f"{PATH}.finalStatusCodes"
    if not isinstance(value, list):
        raise InvalidField(f"{path} must be a list of HTTP status codes.", field=path)
    for index, code in enumerate(value):
        if isinstance(code, bool) or not isinstance(code, int) or not 100 <= code <= 599:
            raise InvalidField(f"{path}[{index}] must be an HTTP status code.", field=f"{path}[{index}]")
    return frozenset(value)
