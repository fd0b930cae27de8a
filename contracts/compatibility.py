"""What may change inside a version: only additions that have a default. Pure: two JSON Schemas in, violations out.

The comparison is deliberately narrow. A wider value is a violation too: whoever still runs the older model refuses it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# Texts for people; free to change.
_TEXTS = frozenset({"title", "description", "examples", "$comment"})
_MAPS = frozenset({"properties", "$defs"})
_NAMES = {"type": "type_changed", "enum": "values_changed", "const": "values_changed", "default": "default_changed"}
_ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class Violation:
    """One change that needs a new version."""

    rule: str
    """`field_removed`, `field_required`, `requirement_dropped`, `type_changed`, `values_changed`, `default_changed`,
    `constraint_changed`, `definition_removed`, `schema_missing`."""
    path: str
    """Where, as a JSON pointer into the schema."""

    def __str__(self) -> str:
        """Return rule and place in one line."""
        return f"{self.rule} at {self.path or '/'}"


def compare(old: Any, new: Any) -> list[Violation]:
    """Return what in the new schema breaks the promise of the old one; empty when only additions were made.

    Args:
        old: the schema as released.
        new: the schema that would take its place.
    """
    return list(_compare(old, new, ""))


def _compare(old: Any, new: Any, path: str) -> Iterator[Violation]:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        if _canonical(old) != _canonical(new):
            yield Violation("constraint_changed", path)
        return
    yield from _compare_fields(old, new, path)
    yield from _compare_definitions(old, new, path)
    for keyword in sorted({*old, *new} - _TEXTS - _MAPS - {"required"}, key=str):
        yield from _compare_keyword(keyword, old.get(keyword, _ABSENT), new.get(keyword, _ABSENT), path)


def _compare_fields(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[Violation]:
    before, after = _mapping(old, "properties"), _mapping(new, "properties")
    for name in sorted(before.keys() - after.keys()):
        yield Violation("field_removed", f"{path}/properties/{name}")
    for name in sorted(before.keys() & after.keys()):
        yield from _compare(before[name], after[name], f"{path}/properties/{name}")
    yield from _compare_required(old, new, path)


def _compare_required(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[Violation]:
    before, after = _names(old), _names(new)
    added = _mapping(new, "properties").keys() - _mapping(old, "properties").keys()
    for name in sorted(after - before):
        yield Violation("field_required", f"{path}/properties/{name}")
    for name in sorted(added - after):
        if "default" not in _mapping(_mapping(new, "properties"), name):
            yield Violation("field_required", f"{path}/properties/{name}")
    for name in sorted((before - after) & _mapping(new, "properties").keys()):
        yield Violation("requirement_dropped", f"{path}/properties/{name}")


def _compare_definitions(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[Violation]:
    before, after = _mapping(old, "$defs"), _mapping(new, "$defs")
    for name in sorted(before.keys() - after.keys()):
        yield Violation("definition_removed", f"{path}/$defs/{name}")
    for name in sorted(before.keys() & after.keys()):
        yield from _compare(before[name], after[name], f"{path}/$defs/{name}")


def _compare_keyword(keyword: str, old: Any, new: Any, path: str) -> Iterator[Violation]:
    if isinstance(old, Mapping) and isinstance(new, Mapping) and keyword not in _NAMES:
        yield from _compare(old, new, f"{path}/{keyword}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and keyword not in _NAMES:
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _compare(before, after, f"{path}/{keyword}/{index}")
    elif _canonical(old) != _canonical(new):
        yield Violation(_NAMES.get(keyword, "constraint_changed"), path)


def _mapping(schema: Mapping[str, Any], keyword: str) -> Mapping[str, Any]:
    found = schema.get(keyword)
    return found if isinstance(found, Mapping) else {}


def _names(schema: Mapping[str, Any]) -> set[str]:
    found = schema.get("required")
    return {name for name in found if isinstance(name, str)} if isinstance(found, list) else set()


def _canonical(value: Any) -> Any:
    # Python takes 1 for True and 1.0 for 1; in JSON Schema true is no number, while 1.0 is an integer.
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return ("array", [_canonical(item) for item in value])
    if isinstance(value, Mapping):
        return ("object", {name: _canonical(item) for name, item in value.items()})
    return value
