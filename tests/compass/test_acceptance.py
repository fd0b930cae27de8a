"""Every scenario and every vector that upstream runs has a test here, or a reason why there is none."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
TABLE: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "acceptance.json").read_text())
NUMBERS = {"C": 9, "D": 8, "A": 8, "E": 9}
"""Scenarios of each part: Connector, Director, agent, end to end."""


def names(path: str) -> set[str]:
    """Return the names of the tests in a file."""
    module = ast.parse((TESTS / path).read_text())
    return {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_each_scenario_is_in_the_table() -> None:
    """By its number."""
    wanted = {f"{part}{number}" for part, last in NUMBERS.items() for number in range(1, last + 1)}
    assert wanted == {name.split()[0] for name in TABLE["scenarios"]}


@pytest.mark.parametrize("part", ["scenarios", "vectors"])
def test_each_line_of_the_table_names_tests_that_there_are(part: str) -> None:
    """A test that is renamed or removed takes its line along."""
    lines = [(name, *test.split("::")) for name, tests in TABLE[part].items() for test in tests or ["::"]]
    assert [] == [(name, test) for name, path, test in lines if not path or test not in names(path)]


def test_what_is_left_out_has_a_reason() -> None:
    """In a sentence."""
    assert all(len(reason.split()) > 5 for reason in TABLE["not_applicable"].values())
