"""Filters of a Subscription: what each dialect takes, when it holds, what it refuses."""

from typing import Any

import orjson
import pytest

from hub.dispatch.filters import DEEPEST, LIMIT_BYTES, compile_filters
from hub.dispatch.filters.candidate import Candidate
from hub.dispatch.matching import Refusal, find_refusal
from hub.kernel.errors import InvalidInput

ORDER = {
    "order": {"total": 120.5, "state": "paid", "lines": [{"sku": "a/b"}, {"sku": "c"}], "gift": False, "note": None}
}
HEADERS = {"ce-id": "e-1", "ce-source": "shop", "ce-type": "order.created.v1", "ce-priority": "5"}


def matches(given: Any, data: Any = ORDER, **headers: str) -> bool:
    body = data if isinstance(data, bytes) else orjson.dumps(data)
    return find_refusal(compile_filters([given]), HEADERS | headers, body) is None


@pytest.mark.parametrize(
    "conditions",
    [
        {"/order/total": {"gt": 100}},
        {"/order/total": {"gte": 120.5, "lte": 120.5}},
        {"/order/total": {"lt": 121}},
        {"/order/state": {"exact": "paid"}},
        {"/order/state": {"prefix": "pa", "suffix": "id"}},
        {"/order/gift": {"exact": False}},
        {"/order/note": {"exact": None}},
        {"/order/note": {"exists": True}},
        {"/order/missing": {"exists": False}},
        {"/order/lines/0": {"exact": {"sku": "a/b"}}},
        {"/order/lines/1/sku": {"exact": "c"}},
        {"/order/lines/2": {"exists": False}},
        {"": {"exists": True}},
        {"/order/total": {"gt": 100}, "/order/state": {"exact": "paid"}},
    ],
    ids=str,
)
def test_data_that_holds_what_is_asked_matches(conditions: dict[str, Any]) -> None:
    """Every condition of every pointer holds."""
    assert matches({"data": conditions})
    assert not matches({"not": {"data": conditions}})


@pytest.mark.parametrize(
    "conditions",
    [
        {"/order/total": {"gt": 120.5}},
        {"/order/total": {"gt": 100, "lt": 110}},
        {"/order/state": {"gt": 1}},
        {"/order/gift": {"lt": 1}},
        {"/order/gift": {"exact": 0}},
        {"/order/state": {"exact": "PAID"}},
        {"/order/total": {"prefix": "1"}},
        {"/order/missing": {"exact": None}},
        {"/order/missing": {"exists": True}},
        {"/order/lines/00": {"exists": True}},
        {"/order/lines/-1": {"exists": True}},
        {"/order/lines/sku": {"exists": True}},
        {"/order/state/0": {"exists": True}},
        {"/order/total": {"gt": 100}, "/order/state": {"exact": "open"}},
    ],
    ids=str,
)
def test_data_that_lacks_something_does_not_match(conditions: dict[str, Any]) -> None:
    """Other values, other types and missing members fail; true is no number."""
    assert not matches({"data": conditions})


@pytest.mark.parametrize("pointer", ["/a~1b", "/m~0n", "/", "/ä"])
def test_a_pointer_reaches_every_name(pointer: str) -> None:
    """Slash and tilde are escaped, the empty name is a name."""
    assert matches({"data": {pointer: {"exact": 1}}}, {"a/b": 1, "m~n": 1, "": 1, "ä": 1})


@pytest.mark.parametrize("body", [b"", b"{", b"<a/>", b"\xff"], ids=["none", "broken", "XML", "no text"])
def test_data_that_is_no_json_has_no_members(body: bytes) -> None:
    """What cannot be read is as if it were not there, and stops nothing."""
    assert not matches({"data": {"": {"exists": True}}}, body)
    assert matches({"data": {"/a": {"exists": False}}}, body)


def test_data_said_to_be_something_else_is_not_read() -> None:
    """The content type decides; a parameter and capitals do not matter."""
    wanted = {"data": {"/order/gift": {"exists": True}}}
    assert not matches(wanted, **{"ce-datacontenttype": "text/plain"})
    assert matches(wanted, **{"ce-datacontenttype": "Application/Vnd.Shop+JSON; charset=utf-8"})


def test_data_is_parsed_once_and_only_when_asked() -> None:
    """Filters on attributes cost no parse; several on the data share one."""
    asked: list[int] = []

    class Counting(Candidate):
        def _parsed(self) -> Any:
            asked.append(1)
            return super()._parsed()

    held = [{"exact": {"id": "e-1"}}, {"sql": "type LIKE 'order.%'"}]
    candidate = Counting(HEADERS, orjson.dumps(ORDER))
    assert all(holds(candidate) for holds in compile_filters(held))
    assert asked == []
    twice = [{"data": {"/order/gift": {"exact": False}}}, {"any": [{"data": {"/order/state": {"prefix": "p"}}}]}]
    assert all(holds(candidate) for holds in compile_filters(twice))
    assert asked == [1]


def test_an_expression_and_other_dialects_stand_together() -> None:
    """Dialects nest in one another."""
    given = {"all": [{"sql": "INT(priority) > 3"}, {"any": [{"exact": {"id": "no"}}, {"suffix": {"type": ".v1"}}]}]}
    assert matches(given)
    assert not matches(given, **{"ce-priority": "2"})


def test_an_expression_that_fails_refuses_and_says_why() -> None:
    """An error is a no with its reason, so that it can be counted and shown."""
    filters = compile_filters([{"prefix": {"type": "order."}}, {"sql": "missing = 'a' OR TRUE"}])
    assert find_refusal(filters, HEADERS) == Refusal(1, "missingAttribute: the event has no attribute 'missing'")
    assert find_refusal(compile_filters([{"exact": {"id": "x"}}]), HEADERS) == Refusal(0)


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({"sql": "type = "}, "spec.filters[0].sql", "expected a value at character 8, found the end"),
        ({"sql": "NOW() > 3"}, "spec.filters[0].sql", "no function NOW with 0 arguments, at character 1"),
        ({"sql": "type"}, "spec.filters[0].sql", "results in a text"),
        ({"sql": "1 + 1"}, "spec.filters[0].sql", "results in an integer"),
        ({"sql": ""}, "spec.filters[0].sql", "missing"),
        ({"sql": 5}, "spec.filters[0].sql", "must be text"),
        ({"not": {"sql": "("}}, "spec.filters[0].not.sql", "at character 2"),
        ({"data": {}}, "spec.filters[0].data", "1 to 64 JSON pointers"),
        ({"data": {"order": {"gt": 1}}}, "spec.filters[0].data", "'order' is no JSON pointer"),
        ({"data": {"/a~2": {"gt": 1}}}, "spec.filters[0].data", "no JSON pointer"),
        ({"data": {"/a": 5}}, "spec.filters[0].data./a", "must be a map"),
        ({"data": {"/a": {}}}, "spec.filters[0].data./a", "must have a condition"),
        ({"data": {"/a": {"matches": "x"}}}, "spec.filters[0].data./a.matches", "is no condition"),
        ({"data": {"/a": {"gt": "5"}}}, "spec.filters[0].data./a.gt", "must be a number"),
        ({"data": {"/a": {"gt": True}}}, "spec.filters[0].data./a.gt", "must be a number"),
        ({"data": {"/a": {"exists": "yes"}}}, "spec.filters[0].data./a.exists", "true or false"),
        ({"data": {"/a": {"prefix": ""}}}, "spec.filters[0].data./a.prefix", "not empty"),
        ({"cel": "x"}, "spec.filters[0].cel", "is no filter dialect"),
        ({"exact": {"id": "x"}, "sql": "TRUE"}, "spec.filters[0]", "exactly one dialect"),
        ({"exact": {"id": "x" * LIMIT_BYTES}}, "spec.filters", "larger than"),
    ],
)  # fmt: skip
def test_a_wrong_filter_is_refused_with_its_place(given: Any, field: str, says: str) -> None:
    """Nothing that could never match, or not be read, is stored."""
    with pytest.raises(InvalidInput, match=r"spec\.filters") as caught:
        compile_filters([given])
    assert caught.value.fields["field"] == field
    assert says in caught.value.detail


def test_filters_nest_as_deep_as_the_limit_and_no_deeper() -> None:
    """Whoever writes machine-made filters learns of the limit when applying, not when an event comes."""
    deep: Any = {"exact": {"id": "e-1"}}
    for _ in range(DEEPEST):
        deep = {"not": deep}
    assert matches(deep)
    with pytest.raises(InvalidInput, match=f"more than {DEEPEST} deep"):
        compile_filters([{"not": deep}])
