"""What an expression of CloudEvents SQL is made of, once read. Immutable values, no behaviour."""

from dataclasses import dataclass

from hub.dispatch.filters.cesql.values import Value


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as written."""

    value: Value


@dataclass(frozen=True, slots=True)
class Attribute:
    """The value of an attribute of the event."""

    name: str


@dataclass(frozen=True, slots=True)
class Exists:
    """Whether the event has an attribute."""

    name: str


@dataclass(frozen=True, slots=True)
class Unary:
    """`NOT` or `-` before an operand."""

    operator: str
    operand: "Node"


@dataclass(frozen=True, slots=True)
class Binary:
    """A logical, comparing or calculating operator between two operands."""

    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Like:
    """Whether a text matches a pattern with `%` and `_`."""

    operand: "Node"
    pattern: str
    negated: bool


@dataclass(frozen=True, slots=True)
class In:
    """Whether a value is one of several."""

    operand: "Node"
    members: tuple["Node", ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    name: str
    """In capitals."""
    arguments: tuple["Node", ...]
    position: int
    """Where it stands in the text, counted from 1."""


Node = Literal | Attribute | Exists | Unary | Binary | Like | In | Call
