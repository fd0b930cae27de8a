"""Reads the fields of `spec.delivery`: each value is acceptable or refused with its path. Pure."""

from typing import Any

from hub.dispatch.durations import LONGEST, seconds_of
from hub.kernel.errors import InvalidField


def whole_number(value: Any, path: str, *, least: int, most: int) -> int:
    """Return a whole number, or refuse with the path."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidField(f"{path} must be a whole number from {least} to {most}.", field=path)
    return value


def share(value: Any, path: str, *, above: float = -1.0) -> float:
    """Return a number from 0 to 1, or refuse with the path."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1 or value <= above:
        begin = "above 0, at most 1" if above >= 0 else "from 0 to 1"
        raise InvalidField(f"{path} must be a number {begin}.", field=path)
    return float(value)


def duration(value: Any, path: str, *, most: float = LONGEST, least: float = 0.001) -> float:
    """Return a duration in seconds, or refuse with the path."""
    if not isinstance(value, str):
        raise InvalidField(f'{path} must be a duration in text, such as "30s".', field=path)
    try:
        seconds = seconds_of(value)
    except ValueError as error:
        raise InvalidField(f"{path}: {error}.", field=path) from error
    if not least <= seconds <= most:
        raise InvalidField(f"{path} must be from {least:g} to {most:g} seconds, not {value}.", field=path)
    return seconds


def durations(value: Any, path: str) -> tuple[float, ...]:
    """Return a list of durations in seconds, or refuse with the path."""
    if not isinstance(value, list) or not value:
        raise InvalidField(f"{path} must be a list of durations, such as [1s, 10s, 1m].", field=path)
    return tuple(duration(entry, f"{path}[{index}]", least=0.0) for index, entry in enumerate(value))


def status_codes(value: Any, path: str) -> frozenset[int]:
    """Return a set of HTTP status codes, or refuse with the path."""
    if not isinstance(value, list):
        raise InvalidField(f"{path} must be a list of HTTP status codes.", field=path)
    for index, code in enumerate(value):
        whole_number(code, f"{path}[{index}]", least=100, most=599)
    return frozenset(value)
