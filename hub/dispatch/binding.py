"""The headers of an event for its sink: CloudEvents in binary mode, and the trace it belongs to. Pure.

Attributes are stored percent-encoded as the NATS binding asks, which is also how the HTTP binding wants them; only the
content type has another name and no encoding there.
"""

import re
from collections.abc import Mapping

from contracts.envelope import decode_value
from hub.kernel.trace import is_valid, new_traceparent

_CONTENT_TYPE = "ce-datacontenttype"
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_TRACE = "traceparent"
_KEPT: dict[str, str] = {}
"""Name as stored → name for the sink, empty when it does not get it: there are few, and they come again."""
_MOST_KEPT, _LONGEST_KEPT = 1000, 100


def sink_headers(stored: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that an HTTP sink or a Function gets; names in lower case."""
    headers = subject_headers(stored)
    content_type = headers.pop(_CONTENT_TYPE, None)
    if content_type is not None:
        headers["content-type"] = _plain(content_type)
    return headers


def subject_headers(stored: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that a NATS subject gets; names in lower case."""
    headers = {}
    for name, value in stored.items():
        key = _KEPT.get(name)
        if key is None:
            key = _kept(name)
        if key:
            headers[key] = value
    trace = headers.pop(_TRACE, "")
    headers[_TRACE] = trace if is_valid(trace) else new_traceparent()
    return headers


def _kept(name: str) -> str:
    key = name.lower()
    if not key.startswith("ce-") and key not in (_TRACE, "tracestate"):
        key = ""
    if len(_KEPT) < _MOST_KEPT and len(name) <= _LONGEST_KEPT:
        _KEPT[name] = key
    return key


def _plain(value: str) -> str:
    if "%" not in value and '"' not in value:
        return value
    decoded = decode_value(value)
    return decoded if _PRINTABLE.fullmatch(decoded) else value
