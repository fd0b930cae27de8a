"""What a new version of a specification breaks, and for whom."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.catalog.v1 import EventTypeEntry
from hub.catalog.compatibility import compare
from hub.catalog.model import EventType
from hub.catalog.verdict import Verdict, Wish, judge, service_of, wants

VECTORS = json.loads((Path(__file__).parent / "vectors" / "compatibility.json").read_text(encoding="utf-8"))
OLD = {"type": "object", "properties": {"order": {"properties": {"lines": {"items": {"properties": {"sku": {}}}}}}}}


def held(event_type: str, schema: Any = None, service: str = "1") -> EventTypeEntry:
    return EventTypeEntry(
        application="shop", service_id=service, type=event_type, name=event_type, data_schema=schema
    )


def offered(event_type: str, schema: Any = None) -> EventType:
    return EventType(event_type, event_type, "", schema=schema)


def wish(name: str, *types: str, filters: Any = None, source: str = "shop") -> Wish:
    return Wish(f"default/{name}", {"source": source, "types": list(types), "filters": filters})


@pytest.mark.parametrize("case", [pytest.param(case, id=case["is"]) for case in VECTORS])
def test_a_change_of_a_schema_is_judged_by_what_receivers_relied_on(case: dict[str, Any]) -> None:
    """Breaking lets through what was promised not to come; stricter only asks more of the sender."""
    found = [f"{change.effect} {change.pointer}" for change in compare(case["old"], case["new"])]
    assert case["changes"] == found


def judged(new: Any, *wishes: Wish) -> Verdict:
    return judge("shop", "1", [held("a.v1", OLD)], offered=[offered("a.v1", new)], wishes=wishes)


@pytest.mark.parametrize(
    ("pointer", "certain"),
    [("/order/lines/0/sku", True), ("/order/lines/7/sku/part", True), ("/order/lines/0", False), ("/other", False)],
)
def test_a_filter_on_or_below_a_removed_field_is_broken(pointer: str, certain: bool) -> None:
    """Items of a list are met by any index; who only receives the event is at risk."""
    new = {"type": "object", "properties": {"order": {"properties": {"lines": {"items": {}}}}}}
    filters = [{"any": [{"exact": {"id": "1"}}, {"not": {"all": [{"data": {pointer: {"exists": True}}}]}}]}]
    (victim,) = judged(new, wish("one", "a.v1", filters=filters)).victims
    assert (victim.subscription, victim.certain) == ("default/one", certain)
    assert (pointer in victim.reason) == certain


def test_who_wants_something_else_feels_nothing() -> None:
    """Other types, and other sources of the same type."""
    assert judged({}, wish("other", "b.v1"), wish("elsewhere", "a.v1", source="desk")).victims == ()


def test_a_type_of_another_service_is_not_removed() -> None:
    """A specification speaks for its own Service."""
    entries = [held("a.v1"), held("b.v1", service="2")]
    verdict = judge("shop", "1", entries, offered=[offered("a.v1")], wishes=[])
    assert [(found.type, found.outcome) for found in verdict.types] == [("a.v1", "unchanged")]
    assert verdict.is_compatible


def test_the_replaced_service_is_the_one_that_shares_most() -> None:
    """Nobody needs to know ids of Services."""
    entries = [held("a.v1"), held("b.v1", service="2"), held("c.v1", service="2")]
    assert service_of(entries, [offered("b.v1"), offered("c.v1"), offered("a.v1")]) == "2"
    assert service_of(entries, [offered("z.v1")]) == ""


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"source": "shop", "types": ["a.done.v1"]}, True),
        ({"source": "", "types": ["a.done.v1"]}, True),
        ({"source": "", "types": ["sap.kyma.custom.shop.a.done.v1"]}, True),
        ({"source": "", "types": ["sap.kyma.custom.sh-op.a.done.v1"]}, True),
        ({"source": "", "types": ["sap.kyma.custom.shop.v1", 5]}, False),
        ({"source": "desk", "types": ["a.done.v1"]}, False),
        ({"source": "shop", "types": ["b.done.v1"]}, False),
        ({"types": None}, False),
    ],
)
def test_a_subscription_wants_what_its_source_and_types_say(spec: dict[str, Any], wanted: bool) -> None:
    """Older Subscriptions name source and type in one."""
    assert wants(Wish("default/one", spec), "shop", "a.done.v1") == wanted


def test_a_chain_of_definitions_too_long_to_follow_is_no_promise() -> None:
    """What cannot be compared counts as breaking, unless it is the same to the letter."""
    chain = {f"r{number}": {"properties": {"next": {"$ref": f"#/$defs/r{number + 1}"}}} for number in range(500)}
    old = {"$ref": "#/$defs/r0", "$defs": {**chain, "r500": {"type": "string"}}}
    new = {"$ref": "#/$defs/r0", "$defs": {**chain, "r500": {"type": "number"}}}
    (change,) = compare(old, new)
    assert (change.effect, change.text) == ("breaking", "nested too deeply to be compared")
    verdict = judge("shop", "1", [held("a.v1", old)], offered=[offered("a.v1", dict(old))], wishes=[])
    assert verdict.is_compatible
