"""What a new schema of an event type means for those who receive it. Pure: two JSON Schemas in, changes out.

Receivers rely on what the old schema promised: breaking is whatever lets data through that the old schema refused, or
takes a described field away. What only asks more of the sender is stricter: earlier data may then break the schema.
Places are JSON pointers into the data, `*` for every item of a list. What cannot be compared counts as breaking.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Effect = Literal["breaking", "stricter"]
Schema = Any
"""A JSON Schema: an object or a boolean; its references lead into its own `$defs`."""

Node = Mapping[str, Any]

_TEXTS = frozenset({
    "title", "description", "examples", "example", "default", "$comment", "deprecated", "readOnly", "writeOnly",
    "$schema", "$defs", "definitions", "summary",
})  # fmt: skip
_COMPARED = frozenset({"type", "enum", "const", "properties", "required", "items", "$ref"})
_LEAST = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
_MOST = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
_TYPES = frozenset({"null", "boolean", "object", "array", "string", "integer", "number"})
_DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Change:
    """One difference that somebody feels."""

    effect: Effect
    pointer: str
    """Where in the data; empty for the whole."""
    text: str
    """What changed, for people."""
    removed: bool = False
    """The field is described no longer."""

    def __str__(self) -> str:
        """Return place and text in one line."""
        return f"{self.pointer or '/'}: {self.text}"


def compare(old: Schema, new: Schema) -> list[Change]:
    """Return what changes for receivers and the sender; empty when nothing does. None stands for no schema at all."""
    if old is None or old is True:
        return [] if new is None or new is True else [Change("stricter", "", "data had no schema and has one now")]
    if new is None or new is True:
        return [Change("breaking", "", "data is described no longer")]
    return list(_Comparison(old, new).changes(old, new, "", 0))


class _Comparison:
    """One comparison; knows where references lead, and which pairs it has met."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new
        self._met: set[tuple[int, int]] = set()

    def changes(self, old: Schema, new: Schema, pointer: str, depth: int) -> Iterator[Change]:
        old, new = _resolved(self._old, old), _resolved(self._new, new)
        if (id(old), id(new)) in self._met:
            return
        self._met.add((id(old), id(new)))
        if depth > _DEEPEST:
            yield Change("breaking", pointer, "nested too deeply to be compared")
            return
        if not isinstance(old, Mapping) or not isinstance(new, Mapping):
            if old != new:
                yield Change("stricter" if new is False else "breaking", pointer, "what is allowed changed altogether")
            return
        yield from _types(old, new, pointer)
        yield from _values(old, new, pointer)
        yield from self._fields(old, new, pointer, depth)
        if "items" in old:
            yield from self.changes(old["items"], new.get("items", True), f"{pointer}/*", depth + 1)
        for keyword in sorted({*old, *new} - _TEXTS - _COMPARED):
            if not keyword.startswith("x-"):
                yield from self._keyword(keyword, old, new, pointer)

    def _fields(self, old: Node, new: Node, pointer: str, depth: int) -> Iterator[Change]:
        before, after = _map(old, "properties"), _map(new, "properties")
        needed, needs = _names(old), _names(new)
        for name in before:
            place = f"{pointer}/{_escaped(name)}"
            if name not in after:
                yield Change("breaking", place, "the field is gone", removed=True)
                continue
            yield from self.changes(before[name], after[name], place, depth + 1)
        for name in sorted(needed - needs - (before.keys() - after.keys())):
            yield Change("breaking", f"{pointer}/{_escaped(name)}", "the field may be missing now")
        if old.get("additionalProperties") is False:
            for name in after.keys() - before.keys():
                text = "the field is new, where no further ones were allowed"
                yield Change("breaking", f"{pointer}/{_escaped(name)}", text)
        for name in sorted(needs - needed):
            yield Change("stricter", f"{pointer}/{_escaped(name)}", "the field must be sent now")

    def _keyword(self, keyword: str, old: Node, new: Node, pointer: str) -> Iterator[Change]:
        before, after = old.get(keyword), new.get(keyword)
        if keyword in _LEAST | _MOST and _is_number(before, after):
            wider = _wider(keyword in _LEAST, before, after)
            if wider is not None:
                text = f"{keyword} was {_said(before)} and is {_said(after)}"
                yield Change("breaking" if wider else "stricter", pointer, text)
        elif keyword not in old:
            yield Change("stricter", pointer, f"{keyword} is new")
        elif not self._alike(before, after, 0):
            yield Change("breaking", pointer, f"{keyword} changed")

    def _alike(self, old: Any, new: Any, depth: int) -> bool:
        """Say whether two schemas, or parts of them, are the same but for the names of their definitions."""
        if depth > _DEEPEST:
            return True
        old, new = _resolved(self._old, old), _resolved(self._new, new)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            keys = {*old, *new} - _TEXTS
            return all(key in old and key in new and self._alike(old[key], new[key], depth + 1) for key in keys)
        if isinstance(old, list) and isinstance(new, list):
            return len(old) == len(new) and all(self._alike(*pair, depth + 1) for pair in zip(old, new, strict=True))
        return type(old) is type(new) and bool(old == new)


def _resolved(root: Schema, node: Any) -> Any:
    for _ in range(_DEEPEST):
        reference = node.get("$ref") if isinstance(node, Mapping) else None
        if not isinstance(reference, str) or not isinstance(root, Mapping):
            return node
        node = _map(root, "$defs").get(reference.removeprefix("#/$defs/"), True)
    return True


def _types(old: Node, new: Node, pointer: str) -> Iterator[Change]:
    before, after = _type_names(old), _type_names(new)
    allowed = before | ({"integer"} if "number" in before else set())
    if after - allowed:
        yield Change("breaking", pointer, f"the type was {_listed(old)} and is {_listed(new)}")
    elif before - after - ({"integer"} if "number" in after else set()):
        yield Change("stricter", pointer, f"the type was {_listed(old)} and is {_listed(new)}")


def _type_names(schema: Node) -> frozenset[str]:
    named = schema.get("type")
    if isinstance(named, str):
        return frozenset({named})
    if isinstance(named, list):
        return frozenset(name for name in named if isinstance(name, str))
    return _TYPES - {"integer"}


def _listed(schema: Node) -> str:
    return " or ".join(sorted(_type_names(schema))) if "type" in schema else "any"


def _values(old: Node, new: Node, pointer: str) -> Iterator[Change]:
    before, after = _listed_values(old), _listed_values(new)
    if before is None:
        if after is not None:
            yield Change("stricter", pointer, "only listed values are allowed now")
    elif after is None:
        yield Change("breaking", pointer, "values beyond the listed ones are allowed now")
    elif any(value not in before for value in after):
        yield Change("breaking", pointer, "there are new values")
    elif any(value not in after for value in before):
        yield Change("stricter", pointer, "some values are allowed no longer")


def _listed_values(schema: Node) -> list[tuple[type, Any]] | None:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return [(type(value), value) for value in values] if isinstance(values, list) else None


def _wider(is_least: bool, before: Any, after: Any) -> bool | None:
    """Say whether a bound lets more through than before; None when it is the same."""
    if before == after:
        return None
    if before is None or after is None:
        return after is None
    narrower: Callable[[Any, Any], bool] = (lambda a, b: a > b) if is_least else (lambda a, b: a < b)
    return not narrower(after, before)


def _is_number(*values: Any) -> bool:
    return all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)


def _said(bound: Any) -> str:
    return "not set" if bound is None else str(bound)


def _map(schema: Any, keyword: str) -> Mapping[str, Any]:
    found = schema.get(keyword) if isinstance(schema, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _names(schema: Node) -> set[str]:
    found = schema.get("required")
    return {name for name in found if isinstance(name, str)} if isinstance(found, list) else set()


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
