"""Laws of compatibility: what is not called breaking lets nothing new through, and comparing never fails."""

from typing import Any

import jsonschema_rs
from hypothesis import given
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
PLAIN: list[Any] = [None, True, 0, 1, 2.5, 3, "", "x", "xyz", {}, []]
INNER: list[Any] = [*PLAIN, *([value] for value in PLAIN), [0, 1, "x"], *({"a": value} for value in PLAIN)]
DATA: list[Any] = [*INNER, {"b": 1}, {"a": 1, "b": "x"}, *([value] for value in INNER)]
DATA += [{"a": value} for value in INNER]


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[Any, Any]:
    """Return two schemas that differ in one keyword, at the top or one level below."""
    old = draw(SCHEMAS)
    keyword = draw(st.sampled_from(sorted(KEYWORDS)))
    new = {name: value for name, value in old.items() if name != keyword}
    if draw(st.booleans()):
        new[keyword] = draw(KEYWORDS[keyword])
    shape = draw(st.sampled_from(["plain", "property", "items"]))
    if shape == "plain":
        return old, new
    return ({"items": old}, {"items": new}) if shape == "items" else (
        {"properties": {"a": old}}, {"properties": {"a": new}}
    )


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["$ref", "$defs", "properties", "items", "required", "type", "enum", "minimum"])
                      | st.text(max_size=2), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(neighbours() | st.tuples(SCHEMAS, SCHEMAS))
def test_what_is_not_breaking_lets_nothing_new_through(pair: tuple[Any, Any]) -> None:
    """Law: data that fits the new schema fits the old one, unless a breaking change was named."""
    old, new = pair
    if any(change.effect == "breaking" for change in compare(old, new)):
        return
    before, after = jsonschema_rs.validator_for(old), jsonschema_rs.validator_for(new)
    assert [value for value in DATA if after.is_valid(value) and not before.is_valid(value)] == []


@given(SCHEMAS)
def test_nothing_changes_where_nothing_changed(schema: Any) -> None:
    """Law: a schema is compatible with itself."""
    assert compare(schema, schema) == []


@given(ANYTHING, ANYTHING)
def test_any_two_documents_can_be_compared(old: Any, new: Any) -> None:
    """Law: total and deterministic, whatever stands there."""
    assert compare(old, new) == compare(old, new)
