"""Traces: the context that a request brings (W3C, or B3 as older clients send it), and the spans that are recorded.

A hop opens a span below what it was given and passes the span's context on; when nothing is to be recorded it passes on
what it was given. Not recording costs a look at one character of the context, so it is asked for every event. What is
done with ended spans is decided outside the kernel: it takes them from `TRACER` in batches.
"""

import os
import random
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_IDS = random.Random(secrets.randbits(256))  # noqa: S311 - ids, see `new_traceparent`
# Workers are forked from one process: each must make ids of its own.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _IDS.seed(secrets.randbits(256)))
_B3 = re.compile(r"([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{32}|[0-9a-f]{16})-([01d]?)", re.IGNORECASE)
_LENGTH = 55
BEGIN = "01"
"""Stands for the context of a request that brings none and is to be recorded."""
_SAMPLED = frozenset("13579bdf")


def traceparent_of(headers: Mapping[str, str]) -> str:
    """Return the trace context that a request brings; without one, the flags its sender wishes (`00`, `01`) or nothing.

    Args:
        headers: lower-case names; `traceparent`, else `b3`, else `x-b3-traceid`, `x-b3-spanid` and `x-b3-sampled`. A
            sender of B3 that leaves open whether to record is recorded.
    """
    given = headers.get("traceparent", "")
    if is_valid(given):
        return given
    sampled = headers.get("x-b3-sampled", "")
    single = headers.get("b3") or f"{headers.get('x-b3-traceid')}-{headers.get('x-b3-spanid')}-{sampled[:1]}"
    match = _B3.match(f"{single}-")
    if match and is_valid(made := f"00-{match[1].zfill(32)}-{match[2][-16:]}-0{int(match[3] != '0')}".lower()):
        return made
    return {"0": "00", "1": "01", "d": "01"}.get(headers.get("b3") or sampled, "")


def new_traceparent(flags: str = "00") -> str:
    """Return the context of a new trace, by default of one that is not recorded."""
    # Ids must differ, not be unpredictable; a generator in the process costs a tenth of asking the system.
    trace, span = _IDS.getrandbits(128) or 1, _IDS.getrandbits(64) or 1
    return f"00-{trace:032x}-{span:016x}-{flags}"


def is_valid(traceparent: str) -> bool:
    """Say whether this is a trace context: version, trace and span, neither all zeros."""
    return _TRACEPARENT.fullmatch(traceparent) is not None


def trace_id_of(traceparent: str) -> str:
    """Return the trace id, for logs."""
    return traceparent[3:35]


def _never() -> bool:
    return False


def is_recorded(traceparent: str) -> bool:
    """Say whether the spans of a trace are wanted, by its flags."""
    return traceparent[54:] in _SAMPLED


Attributes = Mapping[str, str | int]


@dataclass(slots=True)
class Span:
    """One hop of a trace: under way until it ends, and recorded then. Times are nanoseconds since 1970."""

    name: str
    context: str
    """To be passed on: the trace, and this span as the parent of what follows."""
    parent: str = ""
    """Id of the span above; empty for the first of a trace."""
    began: int = field(default_factory=time.time_ns)
    ended: int = 0
    error: str = ""
    """Why it failed: a kind or a status, nothing that a caller or a Function wrote; empty for success."""
    attributes: Attributes = field(default_factory=dict)

    def end(self, attributes: Attributes, error: str = "") -> None:
        """End the span; when too many wait to be taken it is dropped and counted."""
        self.ended, self.attributes, self.error = time.time_ns(), attributes, error
        if len(TRACER.ended) < TRACER.limit:
            TRACER.ended.append(self)
        else:
            TRACER.dropped += 1


@dataclass(slots=True)
class Tracer:
    """What spans of this process go through; like the counters, one per process."""

    limit: int = 0
    """Most ended spans that may wait; 0 records nothing."""
    samples: Callable[[], bool] = _never
    """Says whether a trace that begins here is recorded."""
    ended: list[Span] = field(default_factory=list)
    dropped: int = 0


TRACER = Tracer()


def open_span(given: str, name: str) -> tuple[str, Span | None]:
    """Return the context to pass on, and the span where it is recorded.

    The decision of whoever began the trace holds; for a trace that begins here the tracer decides.

    Args:
        given: what `traceparent_of` returns; a context must be valid.
        name: of the span, the same for all hops of a kind.
    """
    if len(given) == _LENGTH:
        if not TRACER.limit or not is_recorded(given):
            return given, None
        span = Span(name, f"{given[:36]}{_IDS.getrandbits(64) or 1:016x}{given[52:]}", given[36:52])
        return span.context, span
    recorded = given == BEGIN or (not given and TRACER.samples())
    context = new_traceparent("01" if recorded else "00")
    return context, Span(name, context) if recorded and TRACER.limit else None
