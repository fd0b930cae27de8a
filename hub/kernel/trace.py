"""W3C trace context (and B3, as older clients send it) from a request into the message and on to the sink."""

import random
import re
import secrets
from collections.abc import Mapping

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_IDS = random.Random(secrets.randbits(256))  # noqa: S311 - ids, see `new_traceparent`
_HEX = re.compile(r"[0-9a-fA-F]{16}|[0-9a-fA-F]{32}")


def traceparent_of(headers: Mapping[str, str]) -> str:
    """Return the trace context of a request, or that of a new trace where it brings none that is valid.

    Args:
        headers: lower-case names; `traceparent`, else `x-b3-traceid` with `x-b3-spanid` and `x-b3-sampled`.
    """
    given = headers.get("traceparent", "")
    if is_valid(given):
        return given
    trace, span = headers.get("x-b3-traceid", ""), headers.get("x-b3-spanid", "")
    if _HEX.fullmatch(trace) and _HEX.fullmatch(span):
        flags = "00" if headers.get("x-b3-sampled") == "0" else "01"
        return f"00-{trace.lower().zfill(32)}-{span.lower()[-16:]}-{flags}"
    sampled = "00" if headers.get("x-b3-sampled") == "0" else "01"
    return new_traceparent(sampled)


def new_traceparent(flags: str = "01") -> str:
    """Return the context of a new trace."""
    # Ids must differ, not be unpredictable; a generator in the process costs a tenth of asking the system.
    trace, span = _IDS.getrandbits(128) or 1, _IDS.getrandbits(64) or 1
    return f"00-{trace:032x}-{span:016x}-{flags}"


def is_valid(traceparent: str) -> bool:
    """Say whether this is a trace context: version, trace and span, neither all zeros."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or traceparent.startswith("ff"):
        return False
    return match[1].strip("0") != "" and match[2].strip("0") != ""


def child_of(traceparent: str) -> str:
    """Return the context of the next hop: the same trace, a new span."""
    if not is_valid(traceparent):
        return traceparent_of({})
    return f"{traceparent[:36]}{secrets.token_hex(8)}{traceparent[52:]}"


def trace_id_of(traceparent: str) -> str:
    """Return the trace id, for logs."""
    return traceparent[3:35]
