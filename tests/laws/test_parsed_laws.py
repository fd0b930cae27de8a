"""What is sent to a Python Function is read as `json.loads` reads it, whatever it is."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.functions.runtime.request import parsed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
BLANKS = st.text(" \t\r\n", max_size=2)
ENCODINGS = st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1"))


def outcome(read: Any, content: bytes) -> str:
    """Return what comes of reading: the value, or the refusal."""
    try:
        return repr(read(content))
    except ValueError as error:
        return f"{type(error).__name__}: {error}"


@given(VALUES, BLANKS, BLANKS, st.sampled_from(("", "x", "1", "\0", "{")), ENCODINGS, st.booleans())
def test_json_is_read_in_every_encoding_and_with_what_is_around_it(
    value: Any, before: str, after: str, rest: str, encoding: str, ascii_only: bool
) -> None:
    """Blanks do no harm, anything else around the value is refused in the same words."""
    text = before + json.dumps(value, ensure_ascii=ascii_only) + after + rest
    content = text.encode(encoding, "replace")
    assert outcome(parsed, content) == outcome(json.loads, content)


@given(st.binary(max_size=12))
def test_bytes_that_are_no_json_are_refused_alike(content: bytes) -> None:
    """Value or refusal are those of the standard library."""
    assert outcome(parsed, content) == outcome(json.loads, content)
