"""The text of an expression → its tokens. Pure; a character that belongs to none is refused with its position."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from hub.kernel.errors import InvalidField

TokenKind = Literal["word", "keyword", "integer", "text", "symbol", "end"]
KEYWORDS = frozenset({"AND", "OR", "XOR", "NOT", "LIKE", "EXISTS", "IN", "TRUE", "FALSE"})

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<integer>[0-9]+(?![A-Za-z0-9_]))
      | (?P<word>[A-Za-z0-9_]+)
      | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<symbol><=|>=|<>|!=|[-+*/%=<>(),])""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """The smallest part of an expression."""

    kind: TokenKind
    text: str
    """As the parser compares it: keywords in capitals, texts without their quotes."""
    position: int
    """Where it begins, in characters, counted from 1."""

    def __str__(self) -> str:
        """Return what a person reads in a refusal."""
        return "the end" if self.kind == "end" else f"'{self.text[:40]}'"


def tokens_of(expression: str) -> list[Token]:
    """Return the tokens, the end last.

    Raises:
        InvalidField: a character begins no token, or a text is not closed; with `position`.
    """
    return [*_tokens(expression), Token("end", "", len(expression) + 1)]


def _tokens(expression: str) -> Iterator[Token]:
    at = 0
    while at < len(expression):
        found = _TOKEN.match(expression, at)
        if found is None:
            what = "the text is not closed" if expression[at] in "'\"" else f"{expression[at]!r} means nothing here"
            raise InvalidField(f"{what}, at character {at + 1}", position=at + 1)
        token = _token(found)
        if token is not None:
            yield token
        at = found.end()


def _token(found: re.Match[str]) -> Token | None:
    text, position = found.group(), found.start() + 1
    match found.lastgroup:
        case "space":
            return None
        case "word" if text.upper() in KEYWORDS:
            return Token("keyword", text.upper(), position)
        case "word":
            return Token("word", text, position)
        case "integer":
            return Token("integer", text, position)
        case "text":  # only the own quote is escaped; other backslashes are the pattern's
            return Token("text", text[1:-1].replace("\\" + text[0], text[0]), position)
    return Token("symbol", text, position)
