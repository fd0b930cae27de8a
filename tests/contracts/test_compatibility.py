"""What may change inside a version: additions with a default, texts, nothing else."""

import copy
import json
from typing import Any

import pytest

from contracts import products
from contracts.compatibility import Violation, compare
from contracts.subscription.v1 import SubscriptionPaused

OLD: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "description": "Its name."},
        "count": {"type": "integer", "default": 1},
        "state": {"enum": ["on", "off"], "default": "on"},
        "moment": {"$ref": "#/$defs/Moment", "default": None},
        "either": {"anyOf": [{"type": "integer", "maximum": 5}, {"type": "null"}], "default": None},
    },
    "$defs": {"Moment": {"type": "string", "format": "date-time"}},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the schema with one place set, or removed when the value is None."""
    schema = copy.deepcopy(OLD)
    *parents, last = path.split("/")
    target: Any = schema
    for part in parents:
        target = target[int(part)] if isinstance(target, list) else target[part]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return schema


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("properties/colour", {"type": "string", "default": "red"}),
        ("properties/name/description", "The name it goes by."),
        ("properties/name/title", "Name"),
        ("$defs/Colour", {"type": "string"}),
    ],
)
def test_additions_with_a_default_and_texts_are_free(path: str, value: Any) -> None:
    """A version may grow and be explained better."""
    assert compare(OLD, changed(path, value)) == []


@pytest.mark.parametrize(
    ("path", "value", "rule", "place"),
    [
        ("properties/count", None, "field_removed", "/properties/count"),
        ("properties/colour", {"type": "string"}, "field_required", "/properties/colour"),
        ("required", ["name", "count"], "field_required", "/properties/count"),
        ("required", [], "requirement_dropped", "/properties/name"),
        ("properties/count/type", "number", "type_changed", "/properties/count"),
        ("properties/count/default", True, "default_changed", "/properties/count"),
        ("properties/state/enum", ["on"], "values_changed", "/properties/state"),
        ("properties/state/enum", ["on", "off", "idle"], "values_changed", "/properties/state"),
        ("properties/name/minLength", 2, "constraint_changed", "/properties/name"),
        ("properties/name/pattern", "^a", "constraint_changed", "/properties/name"),
        ("properties/moment/$ref", "#/$defs/Other", "constraint_changed", "/properties/moment"),
        ("properties/either/anyOf/0/maximum", 4, "constraint_changed", "/properties/either/anyOf/0"),
        ("properties/either/anyOf", [{"type": "integer"}], "constraint_changed", "/properties/either"),
        ("properties/state", True, "constraint_changed", "/properties/state"),
        ("$defs/Moment", None, "definition_removed", "/$defs/Moment"),
        ("$defs/Moment/format", "date", "constraint_changed", "/$defs/Moment"),
    ],
)
def test_every_other_change_needs_a_new_version(path: str, value: Any, rule: str, place: str) -> None:
    """Removing, renaming, narrowing, widening, another default: each is named with its place."""
    assert Violation(rule, place) in compare(OLD, changed(path, value))


def test_a_required_addition_is_reported_once() -> None:
    """A new field that everybody must send is one violation, not two."""
    new = changed("properties/colour", {"type": "string"}) | {"required": ["name", "colour"]}
    assert [Violation("field_required", "/properties/colour")] == compare(OLD, new)


def test_the_check_of_products_names_what_needs_a_new_version(tmp_path: Any) -> None:
    """Whoever breaks a contract is told by `check`, with rule and place."""
    products.write(tmp_path)
    committed = tmp_path / "schemas" / f"{SubscriptionPaused.contract_type}.json"
    released = json.loads(committed.read_text())
    released["properties"]["until"] = {"type": "string", "default": ""}
    committed.write_text(json.dumps(released))
    assert [str(d) for d in products.check(tmp_path)] == ["schemas/hub.subscription.v1.paused.json: changed "
            "(needs a new version: field_removed at /properties/until)"]
