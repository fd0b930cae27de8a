"""Percentiles, medians and rates. Pure: what was counted and timed in, the figures of the report out."""

import math
import statistics
from collections.abc import Sequence

NANOSECONDS_PER_MILLISECOND = 1_000_000
SHARES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}


def percentile(ordered: Sequence[int], share: float) -> int:
    """Return the smallest value that at least this share of all values does not exceed (nearest rank).

    No value is invented between two measured ones, so a p99.9 of few values is simply the largest.

    Args:
        ordered: values in ascending order, at least one.
        share: above 0, at most 1.

    Raises:
        ValueError: there is no value, or the share is out of bounds.
    """
    if not ordered or not 0 < share <= 1:
        raise ValueError(f"a percentile needs values and a share above 0 up to 1, not {share} of {len(ordered)}")
    return ordered[math.ceil(share * len(ordered)) - 1]


def latency_of(nanoseconds: Sequence[int]) -> dict[str, float]:
    """Return the percentiles and the largest value in milliseconds; nothing when nothing was timed."""
    ordered = sorted(nanoseconds)
    if not ordered:
        return {}
    found = {name: percentile(ordered, share) for name, share in SHARES.items()} | {"max": ordered[-1]}
    return {name: round(value / NANOSECONDS_PER_MILLISECOND, 3) for name, value in found.items()}


def per_thousand(seconds: float, events: int) -> float:
    """Return CPU seconds per 1,000 events; 0 when there were none."""
    return round(seconds / events * 1000, 4) if events else 0.0


def spread_of(values: Sequence[float]) -> dict[str, float]:
    """Return the median of several runs, and the lowest and the highest of them."""
    return {"median": round(statistics.median(values), 4), "low": min(values), "high": max(values)}
