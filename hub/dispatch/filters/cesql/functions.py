"""The functions of CloudEvents SQL: one table, by name and number of arguments. Pure.

Source: cloudevents/spec, cesql/spec.md, section 3.5.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.dispatch.filters.cesql.values import (
    LEAST,
    MOST,
    Cast,
    Failure,
    Outcome,
    Type,
    Value,
    explicit_boolean,
    to_integer,
    to_text,
)


def _any(value: Outcome) -> Outcome:
    return value


@dataclass(frozen=True, slots=True)
class Function:
    """One function, for one number of arguments or from that number on."""

    parameters: tuple[Cast, ...]
    """How each argument is cast."""
    result: Type
    apply: Callable[..., Outcome]
    """Takes the cast arguments."""
    further: Cast | None = None
    """How arguments beyond the parameters are cast; None when there may be none."""

    @property
    def zero(self) -> Value:
        """Return what stands for the result when an argument failed."""
        zeros: dict[Type, Value] = {"text": "", "integer": 0, "boolean": False}
        return zeros[self.result]

    def casts(self, count: int) -> tuple[Cast, ...] | None:
        """Return how so many arguments are cast; None when the function does not take so many."""
        missing = count - len(self.parameters)
        if missing == 0:
            return self.parameters
        return None if missing < 0 or self.further is None else self.parameters + (self.further,) * missing


def find(name: str, count: int) -> Function | None:
    """Return the function of a name (in capitals) that takes so many arguments; None when there is none."""
    return next((function for function in FUNCTIONS.get(name, ()) if function.casts(count) is not None), None)


def _absolute(number: int) -> Outcome:
    if number == LEAST:
        return Failure("math", "the absolute value does not fit 32 bits", MOST)
    return abs(number)


def _left(text: str, count: int) -> Outcome:
    if count < 0:
        return Failure("functionEvaluation", "LEFT takes no negative length", text)
    return text[:count]


def _right(text: str, count: int) -> Outcome:
    if count < 0:
        return Failure("functionEvaluation", "RIGHT takes no negative length", text)
    return text[max(0, len(text) - count) :]


def _substring(text: str, position: int, length: int = MOST) -> Outcome:
    if abs(position) > len(text):
        return Failure("functionEvaluation", "SUBSTRING begins outside of the text", "")
    if length < 0:
        return Failure("functionEvaluation", "SUBSTRING takes no negative length", "")
    if position == 0:
        return ""
    start = position - 1 if position > 0 else len(text) + position
    return text[start : start + length]


def _joined(delimiter: str, *texts: str) -> Outcome:
    return delimiter.join(texts)


def _text(apply: Callable[[str], Any], result: Type = "text") -> tuple[Function, ...]:
    return (Function((to_text,), result, apply),)


FUNCTIONS: Mapping[str, tuple[Function, ...]] = {
    "LENGTH": _text(len, "integer"),
    "LOWER": _text(str.lower),
    "UPPER": _text(str.upper),
    "TRIM": _text(str.strip),
    "CONCAT": (Function((), "text", lambda *texts: "".join(texts), to_text),),
    "CONCAT_WS": (Function((to_text,), "text", _joined, to_text),),
    "LEFT": (Function((to_text, to_integer), "text", _left),),
    "RIGHT": (Function((to_text, to_integer), "text", _right),),
    "SUBSTRING": (
        Function((to_text, to_integer), "text", _substring),
        Function((to_text, to_integer, to_integer), "text", _substring),
    ),
    "ABS": (Function((to_integer,), "integer", _absolute),),
    "INT": (Function((_any,), "integer", to_integer),),
    "BOOL": (Function((_any,), "boolean", explicit_boolean),),
    "STRING": (Function((_any,), "text", to_text),),
}
"""Every function, by its name in capitals."""
