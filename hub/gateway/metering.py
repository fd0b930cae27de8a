"""Counts and times calls, by Application and Service."""

from prometheus_client import Counter, Gauge, Histogram

from hub.gateway.model import Names
from hub.kernel.metrics import REGISTRY

CALLS = Counter(
    "hub_gateway_calls", "Calls through the gateway", ["application", "service", "method", "status"], registry=REGISTRY
)
SECONDS = Histogram(
    "hub_gateway_seconds",
    "Seconds until the target's answer begins",
    ["application", "service"],
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
RECORDINGS = Counter(
    "hub_gateway_recorded", "Calls of shadow revisions, recorded instead of made", ["application", "service"],
    registry=REGISTRY,
)  # fmt: skip
UNVERIFIED = Gauge(
    "hub_gateway_unverified", "1 for an Application whose targets' certificates are not checked", ["application"],
    registry=REGISTRY,
)  # fmt: skip
UNKNOWN = "-"
"""Stands for Applications and Services that are not registered: callers choose names, they must not make series."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_KEPT = 50_000


class Meter:
    """Keeps what a call is counted on, for looking it up by labels costs more than counting."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._counters: dict[tuple[Names | None, str, int], Counter] = {}
        self._timers: dict[Names, Histogram] = {}

    def count(self, names: Names | None, method: str, status: int) -> None:
        """Count a call; None where it named no registered API."""
        key = (names, method, status)
        counter = self._counters.get(key)
        if counter is None:
            if len(self._counters) >= _KEPT:
                self._counters.clear()
            application, service = (names.application, names.service) if names else (UNKNOWN, UNKNOWN)
            shown = method if method in _METHODS else "other"
            counter = self._counters[key] = CALLS.labels(application, service, shown, str(status))
        counter.inc()

    def time(self, names: Names, seconds: float) -> None:
        """Note how long an answer took to begin."""
        timer = self._timers.get(names)
        if timer is None:
            timer = self._timers[names] = SECONDS.labels(names.application, names.service)
        timer.observe(seconds)

    @staticmethod
    def record(names: Names) -> None:
        """Count a call that was recorded instead of made."""
        RECORDINGS.labels(names.application, names.service).inc()
