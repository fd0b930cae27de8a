"""Patterns of `LIKE`, as regular expressions that never run away. Pure."""

import re

_PARTS = re.compile(r"\\[%_]|.", re.DOTALL)


def pattern_of(pattern: str) -> re.Pattern[str]:
    r"""Return a LIKE pattern as a regular expression: `%` any text, `_` one character, `\%` and `\_` themselves.

    Each part between two `%` is matched where it first occurs and never given back (an atomic group): the first place
    is always good enough, and so no pattern takes more than length of text times length of pattern.
    """
    parts = [""]
    for found in _PARTS.finditer(pattern):
        text = found.group()
        if text == "%":
            parts.append("")
        else:
            parts[-1] += "." if text == "_" else re.escape(text[-1])
    if len(parts) == 1:
        return re.compile(parts[0], re.DOTALL)
    middle = "".join(f"(?>.*?{part})" for part in parts[1:-1] if part)
    return re.compile(f"{parts[0]}{middle}.*{parts[-1]}", re.DOTALL)
