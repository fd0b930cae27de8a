"""CloudEvents SQL (CESQL v1): an expression is compiled once and evaluated per event. No evaluator of it is on PyPI.

Order of reading: values, syntax, lexer, parser, functions, evaluation.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hub.dispatch.filters.cesql import functions
from hub.dispatch.filters.cesql.evaluation import Evaluate, compile_node, result_type
from hub.dispatch.filters.cesql.parser import parse
from hub.dispatch.filters.cesql.syntax import Binary, Call, In, Like, Node, Unary
from hub.dispatch.filters.cesql.values import Type


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression."""

    evaluate: Evaluate
    """Attributes → value, or the failure with its value; never raises."""
    type: Type
    """What it results in."""
    unknown: tuple[Call, ...]
    """Calls of functions that there are not, or not with so many arguments."""


def compile_expression(text: str) -> Expression:
    """Compile an expression.

    Raises:
        InvalidField: it cannot be read; with `position`, counted from 1.
    """
    tree = parse(text)
    unknown = (call for call in _calls(tree) if functions.find(call.name, len(call.arguments)) is None)
    return Expression(compile_node(tree), result_type(tree), tuple(unknown))


def _calls(tree: Node) -> Iterator[Call]:
    waiting: list[Node] = [tree]
    while waiting:
        node = waiting.pop()
        match node:
            case Unary(_, operand) | Like(operand):
                waiting.append(operand)
            case Binary(_, left, right):
                waiting += (left, right)
            case In(operand, members):
                waiting += (operand, *members)
            case Call(_, arguments):
                waiting += arguments
                yield node
