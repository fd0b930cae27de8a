"""Counts the calls of each Function and how long they took: for Prometheus by upstream's names, and for people.

The hot path adds to plain numbers; names and labels are put to them when somebody asks.

Source: kyma-project/serverless:components/runtimes (function_calls_total, function_failures_total,
function_duration_seconds; of Node `function_duration_miliseconds`, which is how upstream spells it).
"""

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from hub.functions.model import Answer
from hub.functions.outcomes import SUCCEEDED, outcome_of
from hub.kernel.errors import HubError
from hub.kernel.metrics import REGISTRY

_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_REMEMBERED = 1000


class Meter:
    """The counters of one Function."""

    def __init__(self, label: str, *, of_node: bool = False) -> None:
        """Start at nothing; `of_node`: upstream's Node runtimes name one of the numbers otherwise."""
        self.label = label
        self.of_node = of_node
        self.calls: dict[str, int] = {}
        """By method."""
        self.failures: dict[str, int] = {}
        self.outcomes: dict[str, int] = {}
        self.buckets = [0] * (len(_BOUNDS) + 1)
        self.seconds = 0.0
        self._latest: deque[float] = deque(maxlen=_REMEMBERED)

    def count(self, answer: Answer | HubError, began: float, method: str = "POST") -> str:
        """Count one call that began at a moment of `time.perf_counter`; returns its outcome."""
        outcome, seconds = outcome_of(answer), time.perf_counter() - began
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        self.calls[method] = self.calls.get(method, 0) + 1
        if outcome != SUCCEEDED:
            self.failures[method] = self.failures.get(method, 0) + 1
        self.buckets[bisect_left(_BOUNDS, seconds)] += 1
        self.seconds += seconds
        self._latest.append(seconds)
        return outcome

    def absorb(self, other: "Meter") -> None:
        """Add what another one counted."""
        for own, its in ((self.calls, other.calls), (self.failures, other.failures), (self.outcomes, other.outcomes)):
            for name, number in its.items():
                own[name] = own.get(name, 0) + number
        self.buckets = [mine + its for mine, its in zip(self.buckets, other.buckets, strict=True)]
        self.seconds += other.seconds
        self.of_node = self.of_node or other.of_node
        self._latest.extend(other._latest)

    def summary(self) -> dict[str, Any]:
        """Return the numbers for people: calls, failures, their percentage, milliseconds of the latest calls."""
        latest = sorted(self._latest)
        calls, failures = sum(self.calls.values()), sum(self.failures.values())
        return {
            "calls": calls,
            "failures": failures,
            "errorPercent": round(100 * failures / calls, 1) if calls else 0.0,
            "p50Milliseconds": _at(latest, 0.5),
            "p99Milliseconds": _at(latest, 0.99),
        }

    def render(self) -> bytes:
        """Return the numbers in the Prometheus text format."""
        registry = CollectorRegistry()
        registry.register(_One(self))
        return generate_latest(registry)


def _at(ordered: list[float], share: float) -> float:
    return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000, 2) if ordered else 0.0


class Meters(Collector):
    """The counters of all Functions of this process: each revision counts for itself, a Function's go on over them."""

    def __init__(self) -> None:
        """Start without any."""
        self._past: dict[str, Meter] = {}
        self._present: dict[str, list[Meter]] = {}

    def open(self, label: str, *, of_node: bool = False) -> Meter:
        """Return the counters of a new revision of a Function."""
        meter = Meter(label, of_node=of_node)
        self._present.setdefault(label, []).append(meter)
        return meter

    def close(self, meter: Meter) -> None:
        """Keep what a revision counted that answers no more; a revision closed twice counts once."""
        present = self._present.get(meter.label, [])
        if meter in present:
            present.remove(meter)
            self._past.setdefault(meter.label, Meter(meter.label)).absorb(meter)

    def total(self, label: str) -> Meter:
        """Return what all revisions of a Function counted together, as it is now."""
        total = Meter(label)
        for meter in (*filter(None, (self._past.get(label),)), *self._present.get(label, ())):
            total.absorb(meter)
        return total

    def forget(self, label: str) -> None:
        """Forget a Function that has been removed."""
        self._past.pop(label, None)
        self._present.pop(label, None)

    def collect(self) -> Iterator[Metric]:
        """Return the numbers by upstream's names."""
        return _families([self.total(label) for label in self._present])

    def register(self) -> None:
        """Have the numbers served with all others."""
        REGISTRY.register(self)

    def unregister(self) -> None:
        """Have them served no more; saying so twice does no harm."""
        with suppress(KeyError):
            REGISTRY.unregister(self)


def _families(meters: Iterable[Meter]) -> Iterator[Metric]:
    calls = CounterMetricFamily("function_calls", "Calls of Functions", labels=["function", "method"])
    failures = CounterMetricFamily("function_failures", "Failed calls", labels=["function", "method"])
    seconds = HistogramMetricFamily("function_duration_seconds", "Seconds per call", labels=["function"])
    milliseconds = HistogramMetricFamily(
        "function_duration_miliseconds", "Milliseconds per call", labels=["function", "otel_scope_name"]
    )
    outcomes = CounterMetricFamily("hub_function_invocations", "Calls by outcome", labels=["function", "outcome"])
    for meter in meters:
        for outcome, number in meter.outcomes.items():
            outcomes.add_metric([meter.label, outcome], number)
        for method, number in meter.calls.items():
            calls.add_metric([meter.label, method], number)
        for method, number in meter.failures.items():
            failures.add_metric([meter.label, method], number)
        seconds.add_metric([meter.label], list(_cumulative(meter.buckets)), meter.seconds)
        if meter.of_node:
            names = [meter.label, meter.label.partition(".")[2]]
            milliseconds.add_metric(names, list(_cumulative(meter.buckets, 1000)), meter.seconds * 1000)
    return iter((calls, failures, seconds, milliseconds, outcomes))


class _One(Collector):
    """The counters of a single Function."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def collect(self) -> Iterator[Metric]:
        return _families([self._meter])


def _cumulative(buckets: list[int], unit: int = 1) -> Iterator[tuple[str, float]]:
    total = 0
    bounds = (f"{bound * unit:.10g}" for bound in _BOUNDS)
    for bound, number in zip((*bounds, "+Inf"), buckets, strict=True):
        total += number
        yield bound, total
