"""PURE. Text that others chose, made harmless where people read it: a terminal obeys control characters.

Names, identifiers, headers and answers come from connected solutions, and an operator looks at them. The escapes are
those of JSON, so that text which is JSON stays the same JSON.
"""

import re

# C0 but tab and line feed, DEL, C1; line and paragraph separator; what turns the direction of text around.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Return a text with what a terminal would obey, or hide, written as `\\uXXXX`; tabs and line feeds stay."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
