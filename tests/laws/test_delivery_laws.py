"""Laws of delivery: pauses are bounded, every answer has a verdict, filters never raise."""

from hypothesis import given
from hypothesis import strategies as st

from hub.dispatch.filters import compile_filters
from hub.dispatch.matching import find_refusal
from hub.kernel.backoff import Backoff
from hub.kernel.errors import BrokerUnavailable, InvalidInput
from hub.kernel.outcome import decide

ATTEMPTS = st.integers(min_value=1, max_value=10**6)
SECONDS = st.floats(min_value=0.001, max_value=1000)
CHANCE = st.floats(min_value=0, max_value=1, exclude_max=True)


@given(ATTEMPTS, SECONDS, SECONDS, CHANCE, st.sampled_from(["exponential", "linear"]))
def test_no_pause_is_above_its_limit(attempt: int, first: float, limit: float, chance: float, policy: str) -> None:
    """Law: finite and bounded, whatever the attempt and the jitter."""
    backoff = Backoff(policy, first, limit, jitter=0.2)  # type: ignore[arg-type]  # the literal comes from the strategy
    assert 0 <= backoff.wait(attempt, chance) <= limit


@given(ATTEMPTS, SECONDS, SECONDS)
def test_pauses_never_get_shorter(attempt: int, first: float, limit: float) -> None:
    """Law: without jitter a later attempt waits at least as long."""
    backoff = Backoff("exponential", first, limit, jitter=0)
    assert backoff.wait(attempt) <= backoff.wait(attempt + 1)


@given(ATTEMPTS, st.integers(min_value=1, max_value=1000))
def test_a_message_is_tried_again_only_below_its_limit(attempt: int, limit: int) -> None:
    """Law: what may pass is retried until the limit, then kept as a dead letter; what is final never is retried."""
    expected = "retry" if attempt < limit else "dead_letter"
    assert decide(BrokerUnavailable(), attempt, limit).action == expected
    assert decide(InvalidInput(), attempt, limit).action == "dead_letter"
    assert decide(ValueError(), attempt, limit).is_bug
    assert decide(None, attempt, limit).action == "ack"


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=5))
def test_filters_judge_any_event_and_always_alike(attributes: dict[str, str]) -> None:
    """Law: total and deterministic; a filter and its negation never agree."""
    headers = {f"ce-{name}": value for name, value in attributes.items()}
    wanted = {"prefix": {"type": "order."}}
    yes, no = compile_filters([wanted]), compile_filters([{"not": wanted}])
    assert find_refusal(yes, headers) == find_refusal(yes, headers)
    assert (find_refusal(yes, headers) is None) != (find_refusal(no, headers) is None)
