"""The dialects exact, prefix and suffix: texts of attributes, case-sensitive. A missing attribute fails. Pure."""

from collections.abc import Callable
from typing import Any

from hub.dispatch.filters.candidate import Candidate, Predicate
from hub.kernel.errors import InvalidField
from hub.kernel.resource import need_map


def compile_exact(body: Any, path: str, _compile: object) -> Predicate:
    """Every named attribute equals its text."""
    return _every(_texts(body, path), str.__eq__)


def compile_prefix(body: Any, path: str, _compile: object) -> Predicate:
    """Every named attribute begins with its text."""
    return _every(_texts(body, path), str.startswith)


def compile_suffix(body: Any, path: str, _compile: object) -> Predicate:
    """Every named attribute ends with its text."""
    return _every(_texts(body, path), str.endswith)


def _every(wanted: tuple[tuple[str, str], ...], holds: Callable[[str, str], bool]) -> Predicate:
    def predicate(candidate: Candidate) -> bool:
        attributes = candidate.attributes
        return all(name in attributes and holds(attributes[name], text) for name, text in wanted)

    return predicate


def _texts(body: Any, path: str) -> tuple[tuple[str, str], ...]:
    given = need_map(body, path)
    if not given:
        raise InvalidField(f"{path} must name at least one attribute.", field=path)
    for name, text in given.items():
        if not name or not isinstance(text, str) or not text:
            raise InvalidField(f"{path}.{name} must be a text that is not empty.", field=f"{path}.{name}")
    return tuple(given.items())
