"""Pauses between attempts: monotone, bounded, finite - whatever the rule and however many attempts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.kernel.backoff import Backoff

seconds = st.floats(min_value=0, max_value=1e9)
attempts = st.integers(min_value=1, max_value=10**400)
chance = st.floats(min_value=0, max_value=1, exclude_max=True)
growing = st.builds(
    Backoff,
    policy=st.sampled_from(["exponential", "linear"]),
    initial_seconds=seconds,
    max_seconds=seconds,
    jitter=st.floats(min_value=0, max_value=1),
)


@given(growing, attempts, chance)
def test_a_pause_is_finite_and_within_its_limit(backoff: Backoff, attempt: int, random: float) -> None:
    """No number of attempts makes a pause that is negative, endless or above the limit."""
    pause = backoff.wait(attempt, random)
    assert math.isfinite(pause)
    assert 0 <= pause <= backoff.max_seconds


@given(growing, attempts, attempts, chance)
def test_a_later_pause_is_not_shorter(backoff: Backoff, first: int, second: int, random: float) -> None:
    """Pauses never shrink while chance is the same."""
    earlier, later = sorted((first, second))
    assert backoff.wait(earlier, random) <= backoff.wait(later, random)


@given(growing, attempts, chance)
def test_jitter_takes_at_most_its_share(backoff: Backoff, attempt: int, random: float) -> None:
    """Chance shortens a pause, and by no more than it may."""
    longest = backoff.wait(attempt, 0.0)
    assert longest * (1 - backoff.jitter) <= backoff.wait(attempt, random) <= longest


@given(st.lists(seconds, min_size=1, max_size=10), attempts)
def test_the_last_pause_of_a_schedule_repeats(pauses: list[float], attempt: int) -> None:
    """A schedule is taken as written, its last entry for every attempt after it."""
    backoff = Backoff("schedule", jitter=0, schedule=tuple(pauses))
    assert pauses[min(attempt, len(pauses)) - 1] == backoff.wait(attempt)


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [
        (Backoff("linear", initial_seconds=2.5, jitter=0), [2.5, 5, 7.5, 10, 12.5]),
        (Backoff("exponential", initial_seconds=3, jitter=0), [3, 6, 12, 24, 48]),
        (Backoff("exponential", initial_seconds=1, jitter=0), [1, 2, 4, 8, 16]),
        (Backoff("exponential", initial_seconds=1, max_seconds=5, jitter=0), [1, 2, 4, 5, 5]),
    ],
)
def test_the_series_of_a_policy(backoff: Backoff, expected: list[float]) -> None:
    """Linear grows by its first pause, exponential doubles it, neither passes the limit."""
    assert expected == [backoff.wait(attempt) for attempt in range(1, 6)]


def test_attempts_are_counted_from_one() -> None:
    """There is no pause after attempt 0."""
    with pytest.raises(ValueError, match="counted from 1"):
        Backoff().wait(0)
