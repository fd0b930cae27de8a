"""Laws of sampling: few traces are all recorded, many are bounded, whatever the moments they begin at."""

from hypothesis import given
from hypothesis import strategies as st

from hub.tracing.sampling import Sampler

RATES = st.floats(0.1, 1000)
GAPS = st.lists(st.floats(0, 5), max_size=300)


class Clock:
    """Seconds as a law wants them."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def taken(rate: float, gaps: list[float], share: float = 1.0, chance: float = 0.0) -> list[float]:
    """Return the moments at which a trace was recorded."""
    clock = Clock()
    sampler = Sampler(rate, share, clock, lambda: chance)
    moments = []
    for gap in gaps:
        clock.now += gap
        if sampler.take():
            moments.append(clock.now)
    return moments


@given(RATES, GAPS)
def test_never_more_than_the_rate_and_one_bucket(rate: float, gaps: list[float]) -> None:
    """Law: in any window, at most its seconds times the rate, and what the bucket holds besides."""
    moments = taken(rate, gaps)
    for first in range(0, len(moments), 7):
        for last in range(first, len(moments)):
            seconds = moments[last] - moments[first]
            assert last - first + 1 <= seconds * rate + max(1.0, rate) + 1e-6


@given(RATES, st.lists(st.floats(1.001, 50), max_size=200))
def test_below_the_rate_all_are_recorded(rate: float, slack: list[float]) -> None:
    """Law: traces that begin no closer together than the rate says are all recorded."""
    assert len(slack) == len(taken(rate, [factor / rate for factor in slack]))


@given(GAPS)
def test_a_rate_of_nothing_records_nothing(gaps: list[float]) -> None:
    """Law: only traces that others began are recorded then."""
    assert not taken(0, gaps)


@given(st.floats(0, 1), st.floats(0, 1, exclude_max=True))
def test_the_share_is_decided_by_chance_alone(share: float, chance: float) -> None:
    """Law: a trace outside the share is not recorded, and takes nothing off the bucket."""
    assert (chance < share) == bool(taken(10, [1.0], share, chance))
