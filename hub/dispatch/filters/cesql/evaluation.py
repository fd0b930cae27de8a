"""The tree of an expression → a function of an event's attributes. Pure; built once, called per event, never raises.

Each operation has a value even when an operand failed: the zero value of what it results in, with the operand's error.
"""

import operator
from collections.abc import Callable, Mapping

from hub.dispatch.filters.cesql import functions
from hub.dispatch.filters.cesql.patterns import pattern_of
from hub.dispatch.filters.cesql.syntax import Attribute, Binary, Call, Exists, In, Like, Literal, Node, Unary
from hub.dispatch.filters.cesql.values import (
    CASTS,
    Attributes,
    Failure,
    Outcome,
    Type,
    Value,
    in_range,
    to_boolean,
    to_integer,
    to_text,
    type_of,
)

Evaluate = Callable[[Attributes], Outcome]


def compile_node(node: Node) -> Evaluate:
    """Return the function that evaluates a tree."""
    match node:
        case Literal(value):
            return lambda _attributes: value
        case Attribute(name):
            return _attribute(name)
        case Exists(name):
            return lambda attributes: name in attributes
        case Unary(sign, operand):
            return _UNARY[sign](compile_node(operand))
        case Binary(sign, left, right):
            return _BINARY[sign](compile_node(left), compile_node(right))
        case Like():
            return _like(node)
        case In():
            return _in(node)
        case Call():
            return _call(node)


def result_type(node: Node) -> Type:
    """Return the type of what a tree results in; attributes of events on the bus are texts."""
    match node:
        case Literal(value):
            return type_of(value)
        case Attribute():
            return "text"
        case Unary("-") | Binary("+" | "-" | "*" | "/" | "%"):
            return "integer"
        case Call(name, arguments):
            found = functions.find(name, len(arguments))
            return "boolean" if found is None else found.result
    return "boolean"


def _attribute(name: str) -> Evaluate:
    missing = Failure("missingAttribute", f"the event has no attribute '{name}'", False)
    return lambda attributes: attributes.get(name, missing)


def _not(operand: Evaluate) -> Evaluate:
    def evaluate(attributes: Attributes) -> Outcome:
        value = operand(attributes)
        if isinstance(value, Failure):
            return value.instead(False)
        cast = to_boolean(value)
        # What cannot be cast counts as false, so its negation is true; the test kit asks for it.
        return cast.instead(True) if isinstance(cast, Failure) else not cast

    return evaluate


def _minus(operand: Evaluate) -> Evaluate:
    def evaluate(attributes: Attributes) -> Outcome:
        value = to_integer(operand(attributes))
        return value.instead(0) if isinstance(value, Failure) else in_range(-int(value))

    return evaluate


def _calculated(apply: Callable[[int, int], Outcome], zero: Value) -> Callable[[Evaluate, Evaluate], Evaluate]:
    """Return an operator on two integers."""

    def build(left: Evaluate, right: Evaluate) -> Evaluate:
        def evaluate(attributes: Attributes) -> Outcome:
            first = to_integer(left(attributes))
            if isinstance(first, Failure):
                return first.instead(zero)
            second = to_integer(right(attributes))
            return second.instead(zero) if isinstance(second, Failure) else apply(int(first), int(second))

        return evaluate

    return build


def _divided(first: int, second: int) -> Outcome:
    if second == 0:
        return Failure("math", "division by zero", 0)
    quotient = abs(first) // abs(second)
    return in_range(quotient if (first < 0) == (second < 0) else -quotient)


def _remainder(first: int, second: int) -> Outcome:
    if second == 0:
        return Failure("math", "division by zero", 0)
    remainder = abs(first) % abs(second)
    return -remainder if first < 0 else remainder


def _equality(wanted: bool) -> Callable[[Evaluate, Evaluate], Evaluate]:
    def build(left: Evaluate, right: Evaluate) -> Evaluate:
        def evaluate(attributes: Attributes) -> Outcome:
            second = right(attributes)
            if isinstance(second, Failure):
                return second.instead(False)
            first = CASTS[type_of(second)](left(attributes))  # the right operand's type decides
            return first.instead(False) if isinstance(first, Failure) else (first == second) == wanted

        return evaluate

    return build


def _short(decisive: bool) -> Callable[[Evaluate, Evaluate], Evaluate]:
    """Return AND (false decides) or OR (true decides); the right operand counts only when the left leaves it open."""

    def build(left: Evaluate, right: Evaluate) -> Evaluate:
        def evaluate(attributes: Attributes) -> Outcome:
            first = to_boolean(left(attributes))
            if isinstance(first, Failure):
                return first.instead(False)
            if first == decisive:
                return decisive
            second = to_boolean(right(attributes))
            return second.instead(False) if isinstance(second, Failure) else second

        return evaluate

    return build


def _exclusive(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(attributes: Attributes) -> Outcome:
        first, second = to_boolean(left(attributes)), to_boolean(right(attributes))
        for value in (first, second):
            if isinstance(value, Failure):
                return value.instead(False)
        return first != second

    return evaluate


_UNARY: Mapping[str, Callable[[Evaluate], Evaluate]] = {"NOT": _not, "-": _minus}
_BINARY: Mapping[str, Callable[[Evaluate, Evaluate], Evaluate]] = {
    "AND": _short(decisive=False),
    "OR": _short(decisive=True),
    "XOR": _exclusive,
    "=": _equality(wanted=True),
    "!=": _equality(wanted=False),
    "<>": _equality(wanted=False),
    "<": _calculated(operator.lt, zero=False),
    "<=": _calculated(operator.le, zero=False),
    ">": _calculated(operator.gt, zero=False),
    ">=": _calculated(operator.ge, zero=False),
    "+": _calculated(lambda first, second: in_range(first + second), 0),
    "-": _calculated(lambda first, second: in_range(first - second), 0),
    "*": _calculated(lambda first, second: in_range(first * second), 0),
    "/": _calculated(_divided, 0),
    "%": _calculated(_remainder, 0),
}


def _like(node: Like) -> Evaluate:
    operand, matches, wanted = compile_node(node.operand), pattern_of(node.pattern).fullmatch, not node.negated

    def evaluate(attributes: Attributes) -> Outcome:
        value = to_text(operand(attributes))
        return value.instead(False) if isinstance(value, Failure) else (matches(str(value)) is not None) == wanted

    return evaluate


def _in(node: In) -> Evaluate:
    operand, wanted = compile_node(node.operand), not node.negated
    if all(isinstance(member, Literal) for member in node.members):
        contains = _among_values([member.value for member in node.members if isinstance(member, Literal)])
    else:
        contains = _among(tuple(compile_node(member) for member in node.members))

    def evaluate(attributes: Attributes) -> Outcome:
        value = operand(attributes)
        if isinstance(value, Failure):
            return value.instead(False)
        found = contains(value, attributes)
        return found.instead(False) if isinstance(found, Failure) else found == wanted

    return evaluate


Contains = Callable[[Value, Attributes], bool | Failure]


def _among(members: tuple[Evaluate, ...]) -> Contains:
    def contains(value: Value, attributes: Attributes) -> bool | Failure:
        cast = CASTS[type_of(value)]  # the left operand's type decides
        for member in members:
            each = cast(member(attributes))
            if isinstance(each, Failure):
                return each
            if each == value:
                return True
        return False

    return contains


def _among_values(members: list[Value]) -> Contains:
    """Return the look-up in a list that is the same for every event: one hash per type of the left operand."""
    known: dict[Type, tuple[frozenset[Value], Failure | None]] = {}
    for name, cast in CASTS.items():
        values: list[Value] = []
        failure = None
        for each in map(cast, members):
            if isinstance(each, Failure):  # what stands behind it is never looked at
                failure = each
                break
            values.append(each)
        known[name] = frozenset(values), failure

    def contains(value: Value, _attributes: Attributes) -> bool | Failure:
        values, failure = known[type_of(value)]
        return True if value in values else failure or False

    return contains


def _call(node: Call) -> Evaluate:
    function = functions.find(node.name, len(node.arguments))
    if function is None:
        text = f"there is no function {node.name} with {len(node.arguments)} arguments"
        missing = Failure("missingFunction", text, False)
        return lambda _attributes: missing
    arguments = tuple(zip(function.casts(len(node.arguments)) or (), map(compile_node, node.arguments), strict=True))
    apply, zero = function.apply, function.zero

    def evaluate(attributes: Attributes) -> Outcome:
        values: list[Value] = []
        for cast, argument in arguments:
            value = cast(argument(attributes))
            if isinstance(value, Failure):
                return value.instead(zero)
            values.append(value)
        return apply(*values)

    return evaluate
