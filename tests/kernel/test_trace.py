"""Trace context: what a request brings is kept, what is wrong is replaced; spans open below it where it is recorded."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.kernel.trace import TRACER, is_recorded, is_valid, open_span, trace_id_of, traceparent_of

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNRECORDED = GIVEN[:-1] + "0"
A, B = "a" * 32, "b" * 16


@pytest.fixture
def recording() -> Iterator[None]:
    """Record in this process, but begin no traces."""
    TRACER.limit, TRACER.samples = 2, lambda: False
    yield
    TRACER.limit, TRACER.dropped = 0, 0
    TRACER.ended.clear()


def test_a_valid_context_is_kept() -> None:
    """The starting trace goes on."""
    assert traceparent_of({"traceparent": GIVEN, "b3": "0"}) == GIVEN


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-b3-traceid": A, "x-b3-spanid": B}, f"00-{A}-{B}-01"),
        ({"x-b3-traceid": A.upper(), "x-b3-spanid": B, "x-b3-sampled": "1"}, f"00-{A}-{B}-01"),
        ({"x-b3-traceid": A, "x-b3-spanid": B, "x-b3-sampled": "0"}, f"00-{A}-{B}-00"),
        ({"x-b3-traceid": B, "x-b3-spanid": B}, f"00-{'0' * 16}{B}-{B}-01"),
        ({"b3": f"{A}-{B}-1-{B}"}, f"00-{A}-{B}-01"),
        ({"b3": f"{A}-{B}-d"}, f"00-{A}-{B}-01"),
        ({"b3": f"{A}-{B}-0"}, f"00-{A}-{B}-00"),
        ({"b3": f"{A}-{B}"}, f"00-{A}-{B}-01"),
        ({"x-b3-sampled": "1"}, "01"),
        ({"b3": "0"}, "00"),
        ({"x-b3-traceid": "0" * 32, "x-b3-spanid": B}, ""),
        ({"traceparent": GIVEN[:-1]}, ""),
        ({}, ""),
    ],
)
def test_b3_headers_become_a_context(headers: dict[str, str], expected: str) -> None:
    """Older clients send B3, as several headers or as one; some only wish to be recorded, or not to be."""
    assert expected == traceparent_of(headers)


@given(st.text())
def test_anything_gives_a_valid_context(text: str) -> None:
    """Law: whatever a caller sends, what goes on is valid."""
    brought = traceparent_of({"traceparent": text, "x-b3-traceid": text, "x-b3-spanid": text, "b3": text})
    assert is_valid(open_span(brought, "hop")[0])


@pytest.mark.parametrize("brought", [UNRECORDED, "00", ""])
def test_what_is_not_recorded_costs_no_span(recording: None, brought: str) -> None:
    """The decision of whoever began the trace holds, and so does ours when we begin it."""
    context, span = open_span(brought, "hop")
    assert (None, False, True) == (span, is_recorded(context), is_valid(context))
    assert brought in {context, "00", ""}


def test_a_span_lies_below_what_was_brought(recording: None) -> None:
    """The same trace, another span, and the one above as its parent; the next hop gets its context."""
    context, span = open_span(GIVEN, "hop")
    assert span is not None
    assert (context, GIVEN[36:52], trace_id_of(GIVEN)) == (span.context, span.parent, trace_id_of(context))
    assert is_valid(context) and context[36:52] != GIVEN[36:52]
    span.end({"n": 1}, "broken")
    assert [span] == TRACER.ended and span.began <= span.ended and span.error == "broken"


def test_a_trace_that_is_begun_on_a_wish_has_no_parent(recording: None) -> None:
    """`x-b3-sampled: 1` without ids asks to be recorded."""
    context, span = open_span("01", "hop")
    assert span is not None and (span.parent, span.context, is_recorded(context)) == ("", context, True)


def test_too_many_spans_are_dropped_and_counted(recording: None) -> None:
    """What nobody takes off stays bounded."""
    for _ in range(5):
        _, span = open_span(GIVEN, "hop")
        assert span is not None
        span.end({})
    assert (2, 3) == (len(TRACER.ended), TRACER.dropped)


def test_without_recording_a_context_passes_as_it_is() -> None:
    """A hub that does not record leaves no holes in the trees of those who do."""
    assert (GIVEN, None) == open_span(GIVEN, "hop")
