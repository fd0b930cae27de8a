"""Laws of several calls of a Function in one request."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from contracts.calls import pack, unpack

CALLS = st.lists(st.tuples(st.binary(max_size=60), st.binary(max_size=200)), max_size=8)


@given(CALLS)
def test_what_is_packed_comes_out_again(calls: list[tuple[bytes, bytes]]) -> None:
    """Each call with its headers and data, in order, whatever bytes they are."""
    assert calls == unpack(pack(calls))


@given(CALLS, st.integers(1, 60))
def test_a_request_that_is_cut_off_is_never_taken_for_another(calls: list[tuple[bytes, bytes]], cut: int) -> None:
    """What is missing at the end is noticed, or whole calls are missing there."""
    with contextlib.suppress(ValueError):
        found = unpack(pack(calls)[:-cut])
        assert found == calls[: len(found)]


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_calls_or_refused(raw: bytes) -> None:
    """Nothing but ValueError is raised, and no byte is invented."""
    with contextlib.suppress(ValueError):
        assert raw == pack(unpack(raw))
