"""Percentiles are measured values with the share they claim, for any values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.bench.figures import latency_of, per_thousand, percentile, spread_of

VALUES = st.lists(st.integers(0, 2**63), min_size=1, max_size=300).map(sorted)
SHARES = st.floats(0.001, 1.0)


@given(VALUES, SHARES)
def test_a_percentile_is_the_smallest_value_that_covers_its_share(values: list[int], share: float) -> None:
    """At least this share does not exceed it, and with the next smaller value that would not be so."""
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= math.ceil(share * len(values))
    assert sum(value < found for value in values) < math.ceil(share * len(values))


@given(VALUES, SHARES, SHARES)
def test_percentiles_grow_with_their_share(values: list[int], one: float, other: float) -> None:
    """A larger share never has a smaller percentile; the whole is the largest value."""
    low, high = sorted((one, other))
    assert percentile(values, low) <= percentile(values, high) <= percentile(values, 1.0) == values[-1]


@given(st.lists(st.integers(0, 10**12)))
def test_latencies_are_ordered_and_none_is_invented(values: list[int]) -> None:
    """p50 ≤ p99 ≤ p99.9 ≤ largest, whatever the order of the values; no values, no figures."""
    found = list(latency_of(values).values())
    assert found == sorted(found) and bool(found) is bool(values)


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1], 0.0), ([1], 1.1)])
def test_a_percentile_of_nothing_is_refused(values: list[int], share: float) -> None:
    """Neither of no values, nor of a share that cannot be."""
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, share)


def test_figures_of_several_runs() -> None:
    """Median, lowest, highest; CPU time per 1,000 events, none of no events."""
    assert spread_of([3.0, 1.0, 2.0]) == {"median": 2.0, "low": 1.0, "high": 3.0}
    assert (0.5, 0.0) == (per_thousand(2.0, 4000), per_thousand(2.0, 0))
