"""The dialects all, any and not: filters made of filters. Pure."""

from collections.abc import Callable
from typing import Any

from hub.dispatch.filters.candidate import Candidate, Predicate
from hub.kernel.errors import InvalidField

Inner = Callable[[Any, str], Predicate]


def compile_all(body: Any, path: str, compile_filter: Inner) -> Predicate:
    """Every filter of the list holds."""
    inner = _list(body, path, compile_filter)

    def predicate(candidate: Candidate) -> bool:
        return all(each(candidate) for each in inner)

    return predicate


def compile_any(body: Any, path: str, compile_filter: Inner) -> Predicate:
    """At least one filter of the list holds."""
    inner = _list(body, path, compile_filter)

    def predicate(candidate: Candidate) -> bool:
        return any(each(candidate) for each in inner)

    return predicate


def compile_not(body: Any, path: str, compile_filter: Inner) -> Predicate:
    """The filter inside does not hold."""
    inner = compile_filter(body, path)

    def predicate(candidate: Candidate) -> bool:
        return not inner(candidate)

    return predicate


def _list(body: Any, path: str, compile_filter: Inner) -> tuple[Predicate, ...]:
    if not isinstance(body, list) or not body:
        raise InvalidField(f"{path} must be a list of filters that is not empty.", field=path)
    return tuple(compile_filter(entry, f"{path}[{index}]") for index, entry in enumerate(body))
