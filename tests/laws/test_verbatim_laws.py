"""Laws of looking at JSON without parsing it: it is JSON exactly where a parser says so, and stays as it came."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts import verbatim

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\"\\é", max_size=2), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
BYTES = st.sampled_from([*b'{}[]",:01eE+-.\\ udn\x00\x1f\x80\xc3\xed'])
CHANGES = st.lists(st.tuples(st.floats(0, 0.999), BYTES), max_size=3)


def is_parsed(data: bytes) -> bool:
    """Say whether a parser takes bytes for JSON."""
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True


@given(VALUES, st.booleans(), CHANGES)
@example("\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), True, [])
def test_it_is_json_where_a_parser_says_so(value: Any, ascii_only: bool, changes: list[tuple[float, int]]) -> None:
    """Law: the same verdict on what is JSON, nearly JSON, and not in UTF-8; only sizes of numbers do not matter."""
    data = bytearray(json.dumps(value, ensure_ascii=ascii_only).encode())
    for place, byte in changes:
        data[int(place * len(data))] = byte
    assert verbatim.is_json(bytes(data)) == is_parsed(bytes(data)) or b"e" in data.lower()


@pytest.mark.parametrize("data", [b"", b'"\xff"', b'"\\ud800"', b'"\xed\xa0\x80"', b"[" * 100_000, b"01", b"{}{}"])
def test_what_is_no_json_is_not_taken_for_it(data: bytes) -> None:
    """Text that is no UTF-8, half of a surrogate pair, depth without end: refused, whoever would parse it later."""
    assert not verbatim.is_json(data)
    assert verbatim.members_of(b'{"data":%b}' % data) is None
    assert verbatim.items_of(b"[%b]" % data) is None or not data


@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=4))
def test_members_stay_as_they_were_written(event: dict[str, Any]) -> None:
    """Law: each member is the very bytes that came, large numbers included."""
    members = verbatim.members_of(json.dumps(event).encode())
    assert members is not None
    assert {name: bytes(raw) for name, raw in members.items()} == {k: json.dumps(v).encode() for k, v in event.items()}


def test_the_last_of_equal_members_counts() -> None:
    """As parsers have it, so that no two stations on the way take different ones."""
    members = verbatim.members_of(b'{"source":"a", "source" : "b"}')
    assert members is not None
    assert [(name, bytes(raw)) for name, raw in members.items()] == [("source", b'"b"')]


def test_items_that_are_no_objects_are_told_apart() -> None:
    """A batch may hold good events beside what is none."""
    items = verbatim.items_of(b'[{"id":"1"}, 2, "x"]')
    assert items is not None
    assert [isinstance(item, dict) for item in items] == [True, False, False]
    assert verbatim.items_of(b'{"id":"1"}') is None
