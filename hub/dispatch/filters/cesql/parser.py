"""The tokens of an expression → its tree, by the precedence of the language. Pure.

Length, nesting and number of operations are bounded here, so that neither reading nor evaluating can run away.

Source: cloudevents/spec, cesql/spec.md, sections 2 and 3.4: functions, unary operators, LIKE, EXISTS, IN, then
multiplication, addition, comparison, logic; equal ranks from left to right.
"""

from hub.dispatch.filters.cesql.lexer import Token, tokens_of
from hub.dispatch.filters.cesql.syntax import Attribute, Binary, Call, Exists, In, Like, Literal, Node, Unary
from hub.dispatch.filters.cesql.values import LEAST, MOST
from hub.kernel.errors import InvalidField

LENGTH_LIMIT = 4096
"""Characters of one expression."""
NESTING_LIMIT = 32
"""Parentheses and calls inside one another."""
OPERATIONS_LIMIT = 200
"""Operators and calls in one expression; members of an IN list are not counted."""

_LOGIC, _COMPARISON, _ADDITION, _MULTIPLICATION, _IN, _LIKE = range(1, 7)
_RANKS = {
    **dict.fromkeys(("AND", "OR", "XOR"), _LOGIC),
    **dict.fromkeys(("=", "!=", "<>", "<", "<=", ">", ">="), _COMPARISON),
    **dict.fromkeys(("+", "-"), _ADDITION),
    **dict.fromkeys(("*", "/", "%"), _MULTIPLICATION),
    "IN": _IN,
    "LIKE": _LIKE,
}


def parse(expression: str) -> Node:
    """Return the tree of an expression.

    Raises:
        InvalidField: it cannot be read, or is longer or deeper than the limits; with `position`, counted from 1.
    """
    if len(expression) > LENGTH_LIMIT:
        raise InvalidField(f"the expression has more than {LENGTH_LIMIT} characters", position=LENGTH_LIMIT + 1)
    return _Parser(tokens_of(expression)).whole()


class _Parser:
    """One reading, from the first token to the end."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._nesting = 0
        self._operations = 0

    def whole(self) -> Node:
        node = self._expression(_LOGIC)
        if self._next.kind != "end":
            raise self._unexpected("an operator or the end")
        return node

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += token.kind != "end"
        return token

    def _takes(self, text: str) -> bool:
        """Take the next token if it is this keyword or symbol."""
        found = self._is(self._next, text)
        self._at += found
        return found

    def _need(self, text: str) -> None:
        if not self._takes(text):
            raise self._unexpected(f"'{text}'")

    @staticmethod
    def _is(token: Token, text: str) -> bool:
        return token.kind in ("keyword", "symbol") and token.text == text

    def _unexpected(self, wanted: str) -> InvalidField:
        token = self._next
        return InvalidField(f"expected {wanted} at character {token.position}, found {token}", position=token.position)

    def _expression(self, lowest: int) -> Node:
        left = self._unary()
        while self._rank() >= lowest:
            self._count()
            left = self._joined(left)
        return left

    def _rank(self) -> int:
        """Return how strongly the next operator binds; 0 when none follows."""
        token = self._next
        if self._is(token, "NOT"):
            token = self._tokens[self._at + 1]  # the end always follows
            return _RANKS[token.text] if token.kind == "keyword" and token.text in ("LIKE", "IN") else 0
        return _RANKS.get(token.text, 0) if token.kind in ("keyword", "symbol") else 0

    def _joined(self, left: Node) -> Node:
        negated = self._takes("NOT")
        operator = self._take().text
        if operator == "LIKE":
            return Like(left, self._pattern(), negated)
        if operator == "IN":
            return In(left, self._listed(), negated)
        return Binary(operator, left, self._expression(_RANKS[operator] + 1))

    def _pattern(self) -> str:
        if self._next.kind != "text":
            raise self._unexpected("a quoted pattern")
        return self._take().text

    def _listed(self) -> tuple[Node, ...]:
        self._need("(")
        self._enter()
        members = [self._expression(_LOGIC)]
        while self._takes(","):
            members.append(self._expression(_LOGIC))
        self._need(")")
        self._nesting -= 1
        return tuple(members)

    def _unary(self) -> Node:
        token = self._next
        for operator in ("NOT", "-"):
            if self._takes(operator):
                if operator == "-" and self._next.kind == "integer":
                    return Literal(self._integer(-1))
                self._count()
                return Unary(operator, self._unary())
        if self._is(token, "+") and self._tokens[self._at + 1].kind == "integer":
            self._take()
        return self._primary()

    def _primary(self) -> Node:
        token = self._next
        if token.kind == "integer":
            return Literal(self._integer(1))
        if token.kind == "text":
            return Literal(self._take().text)
        if token.kind == "word":
            return self._named()
        if self._takes("EXISTS"):
            return Exists(self._attribute())
        if self._is(token, "TRUE") or self._is(token, "FALSE"):
            return Literal(self._take().text == "TRUE")
        if not self._is(token, "("):
            raise self._unexpected("a value")
        return self._parenthesized()

    def _parenthesized(self) -> Node:
        self._need("(")
        self._enter()
        node = self._expression(_LOGIC)
        self._need(")")
        self._nesting -= 1
        return node

    def _named(self) -> Node:
        if not self._is(self._tokens[self._at + 1], "("):
            return Attribute(self._attribute())
        name = self._take()
        if not name.text.replace("_", "").isalpha():
            raise InvalidField(
                f"'{name.text[:40]}' at character {name.position} is no name of a function", position=name.position
            )
        self._count()
        return Call(name.text.upper(), self._arguments(), name.position)

    def _arguments(self) -> tuple[Node, ...]:
        if self._is(self._tokens[self._at + 1], ")"):
            self._at += 2
            return ()
        return self._listed()

    def _attribute(self) -> str:
        token = self._next
        if token.kind not in ("word", "integer") or "_" in token.text:
            raise self._unexpected("the name of an attribute (letters and digits)")
        return self._take().text.lower()

    def _integer(self, sign: int) -> int:
        token = self._take()
        digits = token.text.lstrip("0") or "0"
        number = sign * int(digits) if len(digits) <= 10 else MOST + 1
        if not LEAST <= number <= MOST:
            raise InvalidField(
                f"the integer at character {token.position} does not fit 32 bits", position=token.position
            )
        return number

    def _enter(self) -> None:
        self._nesting += 1
        if self._nesting > NESTING_LIMIT:
            raise self._too_much(f"more than {NESTING_LIMIT} parentheses inside one another")

    def _count(self) -> None:
        self._operations += 1
        if self._operations > OPERATIONS_LIMIT:
            raise self._too_much(f"more than {OPERATIONS_LIMIT} operations (use IN for lists)")

    def _too_much(self, what: str) -> InvalidField:
        position = self._next.position
        return InvalidField(f"{what}, at character {position}", position=position)
