"""Trace context: what a request brings is kept, what is wrong is replaced."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.kernel.trace import child_of, is_valid, trace_id_of, traceparent_of

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_valid_context_is_kept() -> None:
    """The starting trace goes on."""
    assert traceparent_of({"traceparent": GIVEN}) == GIVEN


@pytest.mark.parametrize(
    ("headers", "ending"),
    [
        ({"x-b3-traceid": "a" * 32, "x-b3-spanid": "b" * 16}, "-01"),
        ({"x-b3-traceid": "a" * 32, "x-b3-spanid": "b" * 16, "x-b3-sampled": "0"}, "-00"),
    ],
    ids=["sampled", "not sampled"],
)
def test_b3_headers_become_a_context(headers: dict[str, str], ending: str) -> None:
    """Older clients send B3."""
    assert traceparent_of(headers) == f"00-{'a' * 32}-{'b' * 16}{ending}"


@given(st.text())
def test_anything_gives_a_valid_context(text: str) -> None:
    """Law: whatever a caller sends, what goes on is valid."""
    assert is_valid(traceparent_of({"traceparent": text, "x-b3-traceid": text, "x-b3-spanid": text}))


def test_the_next_hop_has_the_same_trace_and_another_span() -> None:
    """A hop is a child."""
    child = child_of(GIVEN)
    assert is_valid(child)
    assert trace_id_of(child) == trace_id_of(GIVEN)
    assert child != GIVEN
