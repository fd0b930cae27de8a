"""Laws of the envelope's header values and of the comparison of schemas."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.compatibility import compare
from contracts.envelope import decode_value, decode_value_strictly, encode_value

TEXT = st.text(st.characters(codec="utf-8"))
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "required", "$defs", "enum", "default", "a", "b"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(TEXT)
def test_any_text_survives_as_a_header_value(text: str) -> None:
    """Encoding then decoding gives the text, by the lenient and by the strict reader."""
    assert [text, text] == [decode_value(encode_value(text)), decode_value_strictly(encode_value(text))]


@given(TEXT)
def test_an_encoded_value_is_visible_ascii(text: str) -> None:
    """No header ever holds what a header may not hold."""
    encoded = encode_value(text)
    assert all("\x21" <= character <= "\x7e" and character != '"' for character in encoded)


@given(st.text())
def test_any_header_value_can_be_read_leniently(value: str) -> None:
    """The lenient reader is total: a strange value is kept, never an error."""
    decode_value(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ('"Euro € 😀"', "Euro € 😀"),
        (r'"a \" b \\ c"', r'a " b \ c'),
        ("%41%c3%a4", "Aä"),
        ("%2541", "%41"),
        ("100%", "100%"),
        ("%zz", "%zz"),
        ("%C0%A0", "%C0%A0"),
    ],
)
def test_values_are_read_as_the_binding_says(value: str, text: str) -> None:
    """Quotes first, then one percent-decoding; needless escapes and lower case are fine."""
    assert text == decode_value(value)


def test_invalid_utf8_is_refused_by_the_strict_reader() -> None:
    """An over-long form may hide a character from a check."""
    with pytest.raises(ValueError, match="utf-8"):
        decode_value_strictly("%C0%A0")


@given(JSON)
def test_a_schema_is_compatible_with_itself(schema: Any) -> None:
    """No change, no violation."""
    assert compare(schema, schema) == []


@given(JSON, JSON)
def test_any_two_schemas_can_be_compared(old: Any, new: Any) -> None:
    """The comparison is total and says the same twice."""
    assert compare(old, new) == compare(old, new)
