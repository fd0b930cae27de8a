"""Laws of filters: reading refuses or compiles, evaluating is total, logic is logic."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.dispatch.filters import compile_filters
from hub.dispatch.filters.cesql import compile_expression
from hub.dispatch.filters.cesql.patterns import pattern_of
from hub.dispatch.filters.cesql.values import LEAST, MOST, Failure
from hub.dispatch.filters.data import find, steps_of
from hub.dispatch.matching import find_refusal
from hub.kernel.errors import InvalidField, InvalidInput

WORDS = st.sampled_from([
    "type", "id", "missing", "priority", "AND", "or", "XOR", "NOT", "-", "+", "*", "/", "%", "=", "!=", "<>", "<", ">=",
    "LIKE", "EXISTS", "IN", "(", ")", ",", "1", "0", "2147483648", "'a'", "'%a_'", '"b"', "TRUE", "false", "ABS",
    "LEFT", "LENGTH", "CONCAT_WS", "SUBSTRING", "NOW", "'", "\\", "~", "", " ",
])  # fmt: skip
SENTENCES = st.lists(WORDS, max_size=20).map(" ".join) | st.text(max_size=40)
ATTRIBUTES = st.dictionaries(st.sampled_from(["id", "type", "source", "priority"]), st.text(max_size=8))
LEAVES = st.sampled_from([
    "type", "priority", "missing", "1", "0", "-7", "2147483647", "'5'", "'true'", "'a%'", "TRUE", "FALSE",
])  # fmt: skip


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = st.sampled_from(["AND", "OR", "XOR", "=", "!=", "<", ">=", "+", "-", "*", "/", "%"])
    return (
        st.tuples(inner, signs, inner).map(lambda parts: "({} {} {})".format(*parts))
        | inner.map(lambda part: f"NOT ({part})")
        | inner.map(lambda part: f"-({part})")
        | inner.map(lambda part: f"({part}) LIKE '%5_'")
        | st.tuples(inner, inner, inner).map(lambda parts: "({} NOT IN ({}, {}))".format(*parts))
        | st.tuples(st.sampled_from(["ABS", "INT", "BOOL", "STRING", "LENGTH", "UPPER"]), inner).map(
            lambda parts: "{}({})".format(*parts)
        )
        | st.tuples(inner, inner, inner).map(lambda parts: "SUBSTRING({}, {}, {})".format(*parts))
    )


EXPRESSIONS = st.recursive(LEAVES, _grown, max_leaves=12)
SIMPLE: st.SearchStrategy[Any] = st.sampled_from([
    {"exact": {"type": "a"}}, {"prefix": {"type": "a"}}, {"suffix": {"id": "b"}}, {"sql": "INT(priority) > 3"},
    {"sql": "missing = 'a'"}, {"data": {"/a": {"gt": 1}}}, {"data": {"/a/0": {"exists": True}}},
])  # fmt: skip
FILTERS = st.recursive(
    SIMPLE,
    lambda inner: inner.map(lambda given: {"not": given})
    | st.lists(inner, min_size=1, max_size=3).map(lambda given: {"all": given})
    | st.lists(inner, min_size=1, max_size=3).map(lambda given: {"any": given}),
    max_leaves=6,
)
BODIES = st.binary(max_size=8) | st.sampled_from([b"{}", b'{"a":2}', b'{"a":[1]}', b'{"a":true}', b"null"])
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["exact", "sql", "data", "not", "all", "/a", "gt", "a"]), inner, max_size=2),
    max_leaves=8,
)


def holds(given: Any, attributes: dict[str, str], body: bytes) -> bool:
    headers = {f"ce-{name}": value for name, value in attributes.items()}
    return find_refusal(compile_filters([given]), headers, body) is None


@given(SENTENCES)
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    """Law: reading raises nothing but a refusal that names a place within the text."""
    try:
        compile_expression(text)
    except InvalidField as error:
        assert 1 <= error.fields["position"] <= len(text) + 1


@given(EXPRESSIONS, ATTRIBUTES)
def test_every_expression_has_a_value_for_every_event(text: str, attributes: dict[str, str]) -> None:
    """Law: evaluating is total and deterministic, and what comes out is of the type that was said before."""
    expression = compile_expression(text)
    outcome = expression.evaluate(attributes)
    assert outcome == expression.evaluate(attributes)
    value = outcome.value if isinstance(outcome, Failure) else outcome
    if not (isinstance(outcome, Failure) and text.isalpha()):  # a missing attribute alone is false
        assert {"text": str, "integer": int, "boolean": bool}[expression.type] is type(value)
    assert not isinstance(value, int) or LEAST <= value <= MOST


@given(st.text(alphabet="ab%_\\", max_size=8), st.text(alphabet="ab%", max_size=8))
def test_a_pattern_matches_as_its_definition_says(pattern: str, text: str) -> None:
    """Law: the compiled pattern agrees with the definition, tried in every way."""
    assert (pattern_of(pattern).fullmatch(text) is not None) == _defined(pattern, text)


def _defined(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(_defined(pattern[1:], text[start:]) for start in range(len(text) + 1))
    escaped = pattern[0] == "\\" and pattern[1:2] in ("%", "_")
    wanted, rest = (pattern[1], pattern[2:]) if escaped else (pattern[0], pattern[1:])
    alike = bool(text) and (wanted == text[0] or (wanted == "_" and not escaped))
    return alike and _defined(rest, text[1:])


@given(FILTERS, ATTRIBUTES, BODIES)
def test_a_doubled_negation_is_none(given_filter: Any, attributes: dict[str, str], body: bytes) -> None:
    """Law: not(not(f)) is f, and f and not(f) never agree."""
    plain = holds(given_filter, attributes, body)
    assert plain == holds({"not": {"not": given_filter}}, attributes, body)
    assert plain != holds({"not": given_filter}, attributes, body)


@given(FILTERS, FILTERS, ATTRIBUTES, BODIES)
def test_all_and_any_are_each_other_negated(first: Any, second: Any, attributes: dict[str, str], body: bytes) -> None:
    """Law: De Morgan's, and both together equal a list of two."""
    both = holds({"all": [first, second]}, attributes, body)
    assert both == (not holds({"any": [{"not": first}, {"not": second}]}, attributes, body))
    assert both == (holds(first, attributes, body) and holds(second, attributes, body))


@given(JSON)
def test_any_filter_is_compiled_or_refused(document: Any) -> None:
    """Law: what people write raises nothing but a refusal, and what compiles can be asked."""
    try:
        filters = compile_filters(document)
    except InvalidInput:
        return
    find_refusal(filters, {"ce-id": "1"}, b"{}")


@given(JSON, st.lists(st.sampled_from(["0", "1", "a", "/a"]) | st.text(max_size=4), max_size=4))
def test_every_pointer_leads_somewhere_or_nowhere(document: Any, names: list[str]) -> None:
    """Law: a pointer written from names is read as these names, and following it never fails."""
    pointer = "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)
    assert steps_of(pointer) == tuple(names)
    find(document, steps_of(pointer))
