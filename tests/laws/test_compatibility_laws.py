"""Laws of compatibility: what is not called breaking lets nothing new through, and comparing never fails."""

from typing import Any

import jsonschema_rs
from hypothesis import assume, given
from hypothesis import strategies as st

from hub.catalog.compatibility import compare

NAMES = st.sampled_from(["a", "b"])
TYPES = st.sampled_from(["object", "string", "integer", "number", "null", "boolean", "array"])
BOUNDS = st.integers(min_value=0, max_value=3)
KEYWORDS = {
    "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
    "enum": st.lists(st.sampled_from([None, True, 1, "x", {}]), min_size=1, max_size=3),
    "minimum": BOUNDS,
    "maximum": BOUNDS,
    "minLength": BOUNDS,
    "maxItems": BOUNDS,
    "required": st.lists(NAMES, max_size=2, unique=True),
    "additionalProperties": st.booleans(),
}
SCHEMAS: st.SearchStrategy[Any] = st.recursive(
    st.fixed_dictionaries({}, optional=KEYWORDS),
    lambda inner: st.fixed_dictionaries(
        {}, optional={**KEYWORDS, "properties": st.dictionaries(NAMES, inner, max_size=2), "items": inner}
    ),
    max_leaves=4,
)
DATA: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, True, 0, 1, 2.5, "", "x", "xyz"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=5,
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["$ref", "$defs", "properties", "items", "required", "type", "enum", "minimum"])
                      | st.text(max_size=2), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(SCHEMAS, SCHEMAS, st.lists(DATA, min_size=1, max_size=5))
def test_what_is_not_breaking_lets_nothing_new_through(old: Any, new: Any, data: list[Any]) -> None:
    """Law: data that fits the new schema fits the old one, unless a breaking change was named."""
    assume(not any(change.effect == "breaking" for change in compare(old, new)))
    before, after = jsonschema_rs.validator_for(old), jsonschema_rs.validator_for(new)
    for value in data:
        assert before.is_valid(value) or not after.is_valid(value)


@given(SCHEMAS)
def test_nothing_changes_where_nothing_changed(schema: Any) -> None:
    """Law: a schema is compatible with itself."""
    assert compare(schema, schema) == []


@given(ANYTHING, ANYTHING)
def test_any_two_documents_can_be_compared(old: Any, new: Any) -> None:
    """Law: total and deterministic, whatever stands there."""
    assert compare(old, new) == compare(old, new)
