"""What becomes of a message: the table, and that no case is without an outcome."""

from hypothesis import given
from hypothesis import strategies as st

from hub.kernel import errors
from hub.kernel.outcome import ACK, decide, on_arrival

HUB_ERRORS = [
    error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, errors.HubError)
]
attempts = st.integers(min_value=1, max_value=10**6)
hub_errors = st.sampled_from(HUB_ERRORS).map(lambda error: error("The sink said no."))
foreign = st.sampled_from([ValueError("x"), KeyError("x"), RuntimeError("x"), TimeoutError("x"), BaseException("x")])


@given(st.one_of(st.none(), hub_errors, foreign), attempts, attempts)
def test_every_case_has_one_outcome(error: BaseException | None, attempt: int, limit: int) -> None:
    """The decision is total and the same each time."""
    outcome = decide(error, attempt, limit)
    assert outcome.action in {"ack", "retry", "dead_letter"}
    assert outcome == decide(error, attempt, limit)


@given(attempts, attempts)
def test_success_is_acknowledged(attempt: int, limit: int) -> None:
    """No error, no matter which attempt: done."""
    assert decide(None, attempt, limit) == ACK


@given(hub_errors, attempts, attempts)
def test_only_a_retryable_error_below_the_limit_is_tried_again(
    error: errors.HubError, attempt: int, limit: int
) -> None:
    """Everything else is given up, with the error's own text and kind."""
    outcome = decide(error, attempt, limit)
    expected = "retry" if error.retry and attempt < limit else "dead_letter"
    assert expected == outcome.action
    assert (error.detail, error.kind, False) == (outcome.reason, outcome.kind, outcome.is_bug)


@given(foreign, attempts, attempts)
def test_a_bug_is_given_up_at_once_and_its_text_hidden(error: BaseException, attempt: int, limit: int) -> None:
    """An error that is none of ours may hold anything in its text, and trying again does not mend it."""
    outcome = decide(error, attempt, limit)
    assert ("dead_letter", "bug", True) == (outcome.action, outcome.kind, outcome.is_bug)
    assert f"Internal error: {type(error).__name__}." == outcome.reason


@given(attempts, attempts)
def test_above_the_limit_on_arrival_the_handler_is_not_called(attempt: int, limit: int) -> None:
    """A message that killed its worker at every attempt is given up on the arrival after the limit."""
    outcome = on_arrival(attempt, limit)
    assert (outcome is None) == (attempt <= limit)
    assert outcome is None or outcome.action == "dead_letter"
