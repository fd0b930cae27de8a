"""How a Subscription's events are delivered: `spec.delivery`. Pure.

Whatever is written there is either honoured or refused with its path; nothing is passed over.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from hub.dispatch.breaking import BreakerRule
from hub.dispatch.fields import duration, durations, share, status_codes, whole_number
from hub.kernel.backoff import Backoff
from hub.kernel.errors import InvalidField
from hub.kernel.resource import need_map, need_name, refuse_unknown

PATH = "spec.delivery"
FIELDS = frozenset(
    {
        "maxAttempts",
        "maxAge",
        "timeout",
        "backoff",
        "finalStatusCodes",
        "ordering",
        "batch",
        "signing",
        "circuitBreaker",
    }
)
_BACKOFF_FIELDS = frozenset({"policy", "initial", "max", "jitter", "schedule"})
_MOST_ATTEMPTS = 10_000
_MOST_IN_BATCH = 1000
_LONGEST_TIMEOUT = 3600.0
_LONGEST_WAIT = 60.0
_ATTRIBUTE = re.compile(r"[a-z0-9]{1,64}")
_POINTER = re.compile(r"(/([^~/]|~[01])*)+")


@dataclass(frozen=True, slots=True)
class Batch:
    """How many events go into one request, and how long the first of them waits for the others."""

    max_events: int = 100
    max_wait_seconds: float = 0.05


@dataclass(frozen=True, slots=True)
class Policy:
    """When to try again, when to give up, and what else one may wish for."""

    max_attempts: int = 10
    max_age_seconds: float | None = None
    """Age of the event past which it is not tried any more; None for no limit."""
    timeout_seconds: float = 30.0
    """Per attempt."""
    backoff: Backoff = field(default_factory=Backoff)
    final_status_codes: frozenset[int] = frozenset()
    """Answers that are not tried again, besides those that never are."""
    ordering_key: str | None = None
    """Attribute, or JSON pointer into the data, whose equal values are delivered one after the other."""
    batch: Batch | None = None
    signing_secret: str | None = None
    """Name of the Secret that deliveries are signed with."""
    breaker: BreakerRule | None = field(default_factory=BreakerRule)


def read(delivery: Any) -> Policy:
    """Return the policy that `spec.delivery` describes; absent parts have the defaults.

    Raises:
        InvalidField: with the path.
    """
    if delivery is None:
        return Policy()
    given = need_map(delivery, PATH)
    refuse_unknown(given, FIELDS, PATH)
    if given.get("ordering") is not None and given.get("batch") is not None:
        path = f"{PATH}.batch"
        raise InvalidField(f"{path} and {PATH}.ordering exclude each other; remove one.", field=path)
    return Policy(
        max_attempts=whole_number(given.get("maxAttempts", 10), f"{PATH}.maxAttempts", least=1, most=_MOST_ATTEMPTS),
        max_age_seconds=duration(given["maxAge"], f"{PATH}.maxAge") if "maxAge" in given else None,
        timeout_seconds=duration(given.get("timeout", "30s"), f"{PATH}.timeout", most=_LONGEST_TIMEOUT),
        backoff=_backoff(given.get("backoff")),
        final_status_codes=status_codes(given.get("finalStatusCodes", []), f"{PATH}.finalStatusCodes"),
        ordering_key=_ordering(given.get("ordering")),
        batch=_batch(given.get("batch")),
        signing_secret=_signing(given.get("signing")),
        breaker=_breaker(given.get("circuitBreaker")),
    )


def _backoff(value: Any) -> Backoff:
    if value is None:
        return Backoff()
    path = f"{PATH}.backoff"
    given = need_map(value, path)
    refuse_unknown(given, _BACKOFF_FIELDS, path)
    jitter = share(given.get("jitter", 0.2), f"{path}.jitter")
    policy = given.get("policy", "schedule" if "schedule" in given else "exponential")
    if policy == "schedule":
        _refuse_beside(given, ("initial", "max"), path, "schedule")
        return Backoff("schedule", jitter=jitter, schedule=durations(given.get("schedule"), f"{path}.schedule"))
    if policy not in ("exponential", "linear"):
        raise InvalidField(f"{path}.policy must be exponential, linear or schedule.", field=f"{path}.policy")
    _refuse_beside(given, ("schedule",), path, policy)
    initial = duration(given.get("initial", "1s"), f"{path}.initial")
    longest = duration(given.get("max", "5m"), f"{path}.max")
    if longest < initial:
        raise InvalidField(f"{path}.max must not be shorter than {path}.initial.", field=f"{path}.max")
    return Backoff(policy, initial, longest, jitter)


def _refuse_beside(given: dict[str, Any], names: tuple[str, ...], path: str, policy: str) -> None:
    for name in names:
        if name in given:
            raise InvalidField(f"{path}.{name} has no meaning with the policy {policy}.", field=f"{path}.{name}")


def _ordering(value: Any) -> str | None:
    if value is None:
        return None
    path = f"{PATH}.ordering"
    given = need_map(value, path)
    refuse_unknown(given, {"key"}, path)
    key = given.get("key")
    if not isinstance(key, str) or not (_ATTRIBUTE.fullmatch(key) or _POINTER.fullmatch(key)):
        raise InvalidField(
            f"{path}.key must be the name of an attribute, such as partitionkey, or a JSON pointer into the data,"
            " such as /order/customer.",
            field=f"{path}.key",
        )
    return key


def _batch(value: Any) -> Batch | None:
    if value is None:
        return None
    path = f"{PATH}.batch"
    given = need_map(value, path)
    refuse_unknown(given, {"maxEvents", "maxWait"}, path)
    return Batch(
        whole_number(given.get("maxEvents", 100), f"{path}.maxEvents", least=1, most=_MOST_IN_BATCH),
        duration(given.get("maxWait", "50ms"), f"{path}.maxWait", most=_LONGEST_WAIT),
    )


def _signing(value: Any) -> str | None:
    if value is None:
        return None
    path = f"{PATH}.signing"
    given = need_map(value, path)
    refuse_unknown(given, {"secretName"}, path)
    return need_name(given.get("secretName"), f"{path}.secretName")


def _breaker(value: Any) -> BreakerRule | None:
    if value is None:
        return BreakerRule()
    if value is False:  # YAML reads `off` so
        return None
    path = f"{PATH}.circuitBreaker"
    given = need_map(value, path)
    refuse_unknown(given, {"failureRatio", "minRequests", "openFor"}, path)
    default = BreakerRule()
    return BreakerRule(
        share(given.get("failureRatio", default.failure_ratio), f"{path}.failureRatio", above=0.0),
        whole_number(given.get("minRequests", default.min_requests), f"{path}.minRequests", least=1, most=10_000),
        duration(given.get("openFor", "30s"), f"{path}.openFor"),
    )
