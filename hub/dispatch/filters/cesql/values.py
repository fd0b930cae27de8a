"""Values of CloudEvents SQL, their casts, and the failure that stands in for a value when something went wrong. Pure.

Evaluation is total: what fails still has a value, the zero value of its type. So a failure is a value that remembers.

Source: cloudevents/spec, cesql/spec.md, sections 3.1, 3.3 and 3.7, and its test kit.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

Value = str | int | bool
Attributes = Mapping[str, Value]
"""CloudEvents attributes by lower-case name; events on the bus have texts only."""
ErrorKind = Literal["math", "cast", "missingAttribute", "missingFunction", "functionEvaluation"]
Type = Literal["text", "integer", "boolean"]

LEAST, MOST = -(2**31), 2**31 - 1
"""Integers are signed and have 32 bits."""
_DECIMAL = re.compile(r"[+-]?0*[0-9]{1,10}", re.ASCII)
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Failure:
    """A value that came about with an error."""

    kind: ErrorKind
    text: str
    """What went wrong, for people."""
    value: Value

    def instead(self, value: Value) -> "Failure":
        """Return the same error with another value: that of the operation around it."""
        return replace(self, value=value)


Outcome = Value | Failure
Cast = Callable[[Outcome], Outcome]


def to_text(value: Outcome) -> Outcome:
    """Return a value as text; a failure as it is."""
    if isinstance(value, str | Failure):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def to_integer(value: Outcome) -> Outcome:
    """Return a value as an integer: true is 1, texts are decimal with an optional sign."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | Failure):
        return value
    number = int(value) if _DECIMAL.fullmatch(value) else MOST + 1
    return number if LEAST <= number <= MOST else Failure("cast", f"{_shown(value)} is no integer", 0)


def to_boolean(value: Outcome) -> Outcome:
    """Return a value as a boolean: the texts true and false in any case; integers are only cast by `BOOL`."""
    if isinstance(value, bool | Failure):
        return value
    found = _BOOLEANS.get(value.lower()) if isinstance(value, str) else None
    return Failure("cast", f"{_shown(value)} is neither true nor false", False) if found is None else found


def explicit_boolean(value: Outcome) -> Outcome:
    """Return a value as the function `BOOL` casts it: 0 is false, any other integer is true."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value != 0
    return to_boolean(value)


def type_of(value: Value) -> Type:
    """Return the type of a value; Python takes booleans for integers, this language does not."""
    if isinstance(value, bool):
        return "boolean"
    return "integer" if isinstance(value, int) else "text"


CASTS: Mapping[Type, Cast] = {"text": to_text, "integer": to_integer, "boolean": to_boolean}
"""The implicit cast to each type."""


def in_range(number: int) -> Outcome:
    """Return the result of a calculation, or the failure that it does not fit an integer."""
    return number if LEAST <= number <= MOST else Failure("math", "the result does not fit 32 bits", 0)


def _shown(value: Value) -> str:
    text = str(value)
    return f"'{text[:40]}…'" if len(text) > 40 else f"'{text}'"
