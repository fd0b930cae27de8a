"""The dialect data, ours: what stands at JSON pointers into the event's data. Pure.

`{"data": {"/order/total": {"gt": 100}, "/order/state": {"exact": "paid"}}}`: every condition of every pointer holds.
What is not there, is no JSON or has another type than the condition asks for, fails; `exists: false` holds where
nothing stands.
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hub.dispatch.filters.candidate import ABSENT, Candidate, Predicate
from hub.kernel.errors import InvalidField
from hub.kernel.resource import need_map

Test = Callable[[Any], bool]
Condition = tuple[tuple[str, ...], Test]
_MOST_POINTERS = 64
_POINTER_LIMIT = 512
_BAD_ESCAPE = re.compile(r"~(?![01])")
_DEEPEST = 16
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)


def compile_data(body: Any, path: str, _compile: object) -> Predicate:
    """Every condition on the data holds.

    Raises:
        InvalidField: with the path.
    """
    given = need_map(body, path)
    if not 0 < len(given) <= _MOST_POINTERS:
        raise InvalidField(f"{path} must name 1 to {_MOST_POINTERS} JSON pointers.", field=path)
    conditions = [condition for pointer, wanted in given.items() for condition in _conditions(pointer, wanted, path)]

    def predicate(candidate: Candidate) -> bool:
        data = candidate.data
        return all(holds(find(data, steps)) for steps, holds in conditions)

    return predicate


def steps_of(pointer: str) -> tuple[str, ...]:
    """Return a JSON pointer (RFC 6901) as the names on the way; the empty pointer is the whole.

    Raises:
        ValueError: it is none.
    """
    if (pointer and not pointer.startswith("/")) or _BAD_ESCAPE.search(pointer) or len(pointer) > _POINTER_LIMIT:
        raise ValueError(pointer)
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def find(data: Any, steps: tuple[str, ...]) -> Any:
    """Return what stands at the end of a way, or `ABSENT`."""
    for step in steps:
        if isinstance(data, dict):
            data = data.get(step, ABSENT)
        elif isinstance(data, list) and _INDEX.fullmatch(step) and int(step) < len(data):
            data = data[int(step)]
        else:
            return ABSENT
    return data


def _conditions(pointer: str, wanted: Any, path: str) -> list[Condition]:
    try:
        steps = steps_of(pointer)
    except ValueError as error:
        raise InvalidField(
            f"{path}: '{pointer[:80]}' is no JSON pointer; it begins with '/', and '~' is written '~0', '/' '~1'.",
            field=path,
        ) from error
    place = f"{path}.{pointer}"
    named = need_map(wanted, place)
    if not named:
        raise InvalidField(f"{place} must have a condition: {', '.join(CONDITIONS)}.", field=place)
    return [(steps, _condition(name, value, place)) for name, value in named.items()]


def _condition(name: str, value: Any, place: str) -> Test:
    found = CONDITIONS.get(name)
    full = f"{place}.{name}"
    if found is None:
        raise InvalidField(f"{full} is no condition; there are {', '.join(CONDITIONS)}.", field=full)
    accepts, what, build = found
    if not accepts(value):
        raise InvalidField(f"{full} must be {what}.", field=full)
    return build(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_flat(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in _children(node)]
    return not level


def _children(node: Any) -> Iterable[Any]:
    return node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def equal(first: Any, second: Any) -> bool:
    """Say whether two JSON values are equal: 1 is 1.0, but true is no number."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(equal(first[name], second[name]) for name in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(equal, first, second))
    return bool(first == second)


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any], Test]:
    return lambda limit: lambda value: _is_number(value) and compare(value, limit)


def _text_test(holds: Callable[[str, str], bool]) -> Callable[[Any], Test]:
    return lambda wanted: lambda value: isinstance(value, str) and holds(value, wanted)


def _exact(wanted: Any) -> Test:
    return lambda value: value is not ABSENT and equal(value, wanted)


def _exists(wanted: bool) -> Test:
    return lambda value: (value is not ABSENT) == wanted


CONDITIONS: Mapping[str, tuple[Callable[[Any], bool], str, Callable[[Any], Test]]] = {
    "exact": (_is_flat, f"a JSON value of at most {_DEEPEST} levels", _exact),
    "prefix": (_is_text, "a text that is not empty", _text_test(str.startswith)),
    "suffix": (_is_text, "a text that is not empty", _text_test(str.endswith)),
    "exists": (lambda value: isinstance(value, bool), "true or false", _exists),
    "gt": (_is_number, "a number", _compared(operator.gt)),
    "gte": (_is_number, "a number", _compared(operator.ge)),
    "lt": (_is_number, "a number", _compared(operator.lt)),
    "lte": (_is_number, "a number", _compared(operator.le)),
}
"""Each condition: what it may be given, in words, and how it is tested."""
