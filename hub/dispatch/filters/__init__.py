"""Filters of a Subscription beyond its types: the dialects of the CloudEvents Subscriptions API and `data`, one table.

A filter is compiled once, when the Subscription changes; what comes out never raises and answers the same each time.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from hub.dispatch.filters import attributes, composite, data, sql
from hub.dispatch.filters.candidate import Predicate
from hub.kernel.errors import InvalidField
from hub.kernel.resource import need_map

Compile = Callable[[Any, str, Callable[[Any, str], Predicate]], Predicate]

FILTERS: Mapping[str, Compile] = {
    "exact": attributes.compile_exact,
    "prefix": attributes.compile_prefix,
    "suffix": attributes.compile_suffix,
    "all": composite.compile_all,
    "any": composite.compile_any,
    "not": composite.compile_not,
    "sql": sql.compile_sql,
    "data": data.compile_data,
}
"""How each dialect is compiled: body, its path, and how to compile what stands inside."""
DEEPEST = 16
"""Most filters inside one another."""
LIMIT_BYTES = 65_536
"""Largest list of filters, as JSON: each event is held against all of it."""


def compile_filter(given: Any, path: str) -> Predicate:
    """Compile one filter, `{dialect: body}`.

    Raises:
        InvalidField: with the path.
    """
    if path.count(".") > DEEPEST + 1:
        raise InvalidField(f"{path}: filters stand more than {DEEPEST} deep inside one another.", field=path)
    body = need_map(given, path)
    if len(body) != 1:
        raise InvalidField(f"{path} must have exactly one dialect: {', '.join(FILTERS)}.", field=path)
    dialect, expression = next(iter(body.items()))
    inner = f"{path}.{dialect}"
    if dialect not in FILTERS:
        raise InvalidField(f"{inner} is no filter dialect; there are {', '.join(FILTERS)}.", field=inner)
    return FILTERS[dialect](expression, inner, compile_filter)


def compile_filters(given: Any, path: str = "spec.filters") -> tuple[Predicate, ...]:
    """Compile the list of filters, all of which must hold; absent or empty: every event passes.

    Raises:
        InvalidField: with the path.
    """
    if given is None:
        return ()
    if not isinstance(given, list):
        raise InvalidField(f"{path} must be a list of filters.", field=path)
    _check_size(given, path)
    return tuple(compile_filter(entry, f"{path}[{index}]") for index, entry in enumerate(given))


def _check_size(given: list[Any], path: str) -> None:
    try:
        size = len(orjson.dumps(given))
    except TypeError as error:
        raise InvalidField(f"{path} cannot be written as JSON: {error}.", field=path) from error
    if size > LIMIT_BYTES:
        raise InvalidField(f"{path} is larger than {LIMIT_BYTES} bytes; use fewer filters, or IN of sql.", field=path)
