"""The spans of a trace as rows of a table: what caused what, when, how long it took. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

TITLES = ("hop", "what", "process", "began", "took", "outcome")
_FIRST_SIGHT = ("subscription", "function", "application", "service", "event-type", "event-id", "attempt")
_SPAN = dict[str, Any]


def rows_of(spans: Sequence[_SPAN]) -> list[tuple[str, ...]]:
    """Return the rows, each hop below the one that caused it.

    A hop whose cause is not kept (it is somebody else's, or has not ended yet) stands at the top.

    Args:
        spans: the earliest first, as `spans_of` gives them.
    """
    if not spans:
        return []
    first = min(span["began"] for span in spans)
    return [_row(span, depth, first) for span, depth in _walk(spans)]


def _walk(spans: Sequence[_SPAN]) -> Iterator[tuple[_SPAN, int]]:
    """Iterate over the tree, depth first; a span is given once even where spans name each other in a circle."""
    known = {span["span"] for span in spans}
    below: dict[str, list[_SPAN]] = {}
    for span in spans:
        cause = span["parent"] if span["parent"] in known and span["parent"] != span["span"] else ""
        below.setdefault(cause, []).append(span)
    seen: set[int] = set()
    for start in (*below.get("", ()), *spans):
        waiting = [(start, 0)]
        while waiting:
            span, depth = waiting.pop()
            if id(span) in seen:
                continue
            seen.add(id(span))
            yield span, depth
            waiting += [(child, depth + 1) for child in reversed(below.get(span["span"], ()))]


def _row(span: _SPAN, depth: int, first: int) -> tuple[str, ...]:
    told = span["attributes"]
    what = [str(told[name]) for name in _FIRST_SIGHT if name in told and name != "attempt"]
    if told.get("attempt", 1) not in {1, "1"} and span["name"].startswith("deliver"):
        what.append(f"attempt {told['attempt']}")
    outcome = [str(told[name]) for name in ("outcome", "status-code") if name in told]
    error = span["error"] if span["error"] and span["error"] not in {f"answered {told.get('status-code')}"} else ""
    return (
        "  " * depth + span["name"],
        " ".join(what),
        span["process"],
        f"+{duration_text(span['began'] - first)}",
        duration_text(span["ended"] - span["began"]),
        " ".join([*outcome, error]).strip(),
    )


def duration_text(nanoseconds: int) -> str:
    """Return a duration in the unit that people would say it in."""
    for unit, size in (("s", 10**9), ("ms", 10**6)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.{1 if nanoseconds >= 10 * size else 2}f} {unit}"
    return f"{nanoseconds / 1000:.0f} µs"
