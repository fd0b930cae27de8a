"""The decision about a dead process, without any process."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.up.plan import Limits
from hub.up.restarting import GiveUp, Restart, decide, describe

LIMITS = Limits(quick_failures=10, backoff_seconds=0.2, backoff_max_seconds=10, healthy_seconds=30)


def test_pauses_double_up_to_the_limit_and_then_the_process_is_given_up() -> None:
    """Ten quick failures: nine pauses, then the end."""
    waits, failures = [], 0
    decision = decide(1, served_seconds=0, quick_failures=failures, limits=LIMITS)
    while isinstance(decision, Restart):
        waits.append(decision.wait_seconds)
        decision = decide(1, served_seconds=0, quick_failures=decision.quick_failures, limits=LIMITS)

    assert pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10]) == waits
    assert GiveUp("it died 10 times in a row, at last with exit status 1") == decision


@given(st.integers(-64, 255), st.floats(0, 1e9), st.integers(0, 10**6))
def test_every_death_is_decided_and_every_pause_is_bounded(status: int, served: float, failures: int) -> None:
    """Law: a restart within the limit or the end; a healthy life always earns a restart with the first pause."""
    decision = decide(status, served_seconds=served, quick_failures=failures, limits=LIMITS)

    if isinstance(decision, Restart):
        assert 0 < decision.wait_seconds <= LIMITS.backoff_max_seconds
    if status != 2 and served >= LIMITS.healthy_seconds:
        assert Restart(LIMITS.backoff_seconds, 1) == decision


@pytest.mark.parametrize(("status", "text"), [(0, "exit status 0"), (-9, "SIGKILL"), (-60, "signal 60")])
def test_an_exit_status_is_said_in_words(status: int, text: str) -> None:
    """People do not read minus nine."""
    assert text == describe(status)
