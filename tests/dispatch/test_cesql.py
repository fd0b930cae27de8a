"""CloudEvents SQL: values and errors as the language says, refusals that name the place."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.dispatch.filters.cesql import compile_expression
from hub.dispatch.filters.cesql.parser import LENGTH_LIMIT, NESTING_LIMIT, OPERATIONS_LIMIT
from hub.dispatch.filters.cesql.values import Failure
from hub.kernel.errors import InvalidField

VECTORS = Path(__file__).parent / "vectors"
KIT = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "cesql-tck"
EVENT = {"specversion": "1.0", "id": "1", "source": "shop", "type": "order.created.v1", "priority": "5"}


class Plain(yaml.SafeLoader):
    """YAML whose timestamps stay text, as attributes are."""


Plain.yaml_implicit_resolvers = {
    first: [entry for entry in entries if entry[0] != "tag:yaml.org,2002:timestamp"]
    for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def vectors(name: str) -> list[Any]:
    return [pytest.param(case, id=case["is"]) for case in json.loads((VECTORS / name).read_text(encoding="utf-8"))]


def kit() -> list[Any]:
    if not KIT.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip("the test kit is not beside this checkout"))]
    return [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in sorted(KIT.glob("*.yaml"))
        for case in yaml.load(path.read_text(encoding="utf-8"), Plain)["tests"]
    ]


def judged(expression: str, event: dict[str, Any]) -> tuple[Any, str | None]:
    """Return value and error of an expression; what cannot be read is false."""
    try:
        outcome = compile_expression(expression).evaluate(event)
    except InvalidField:
        return False, "parse"
    return (outcome.value, outcome.kind) if isinstance(outcome, Failure) else (outcome, None)


@pytest.mark.parametrize("case", kit())
def test_the_published_test_kit_passes(case: dict[str, Any]) -> None:
    """Every case of the language's own kit: value, its type and the error."""
    event = (case.get("event") or {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}) | (
        case.get("eventOverrides") or {}
    )
    expression = case["expression"]
    text = str(expression).upper() if isinstance(expression, bool) else str(expression)
    value, error = judged(text, event)
    assert (case.get("result", False), case.get("error")) == (value, error)
    assert type(case.get("result", False)) is type(value)


@pytest.mark.parametrize("case", vectors("cesql.json"))
def test_an_expression_has_its_value_and_error(case: dict[str, Any]) -> None:
    """Precedence, casts, limits of integers and what a failed operand leaves of the operation around it."""
    value, error = judged(case["expression"], EVENT)
    assert (case["value"], case.get("error")) == (value, error)
    assert type(case["value"]) is type(value)


@pytest.mark.parametrize("case", vectors("cesql_refused.json"))
def test_what_cannot_be_read_is_refused_with_its_place(case: dict[str, Any]) -> None:
    """The person who wrote it learns at which character reading stopped, and what was expected there."""
    with pytest.raises(InvalidField) as caught:
        compile_expression(case["expression"])
    assert case["position"] == caught.value.fields["position"]
    assert case["says"] in caught.value.detail
    assert f"at character {case['position']}" in caught.value.detail


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("'" + "a" * LENGTH_LIMIT + "' = type", f"more than {LENGTH_LIMIT} characters"),
        ("(" * 40 + "TRUE" + ")" * 40, f"more than {NESTING_LIMIT} parentheses"),
        ("ABS(" * 40 + "1" + ")" * 40, f"more than {NESTING_LIMIT} parentheses"),
        ("-" * 1000 + "type", f"more than {OPERATIONS_LIMIT} operations"),
        ("NOT " * 1000 + "TRUE", f"more than {OPERATIONS_LIMIT} operations"),
        (" OR ".join(["id='1'"] * 300), f"more than {OPERATIONS_LIMIT} operations"),
    ],
    ids=["length", "parentheses", "calls", "signs", "negations", "alternatives"],
)
def test_an_expression_has_limits(expression: str, says: str) -> None:
    """No expression makes reading or evaluating run away; the refusal says which limit it met."""
    with pytest.raises(InvalidField, match=says):
        compile_expression(expression)


def test_a_list_may_be_long() -> None:
    """Members of a list are no operations, and are looked up at once."""
    members = ", ".join(f"'{number}'" for number in range(500))
    assert judged(f"id IN ({members}) AND TRUE", EVENT) == (True, None)


def test_a_hostile_pattern_takes_no_time() -> None:
    """A pattern of many wildcards is matched without trying every division of the text."""
    pattern = "%a" * 60 + "%b"
    assert judged(f"subject LIKE '{pattern}'", EVENT | {"subject": "a" * 2000}) == (False, None)
