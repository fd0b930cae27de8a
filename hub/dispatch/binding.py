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
    trace = ""
    for name, value in stored.items():
        key = name.lower()
        if key.startswith("ce-"):
            headers[key] = value
        elif key == "traceparent":
            trace = value
        elif key == "tracestate":
            headers[key] = value
    headers["traceparent"] = trace if is_valid(trace) else new_traceparent()
    return headers


def _plain(value: str) -> str:
    if "%" not in value and '"' not in value:
        return value
    decoded = decode_value(value)
    return decoded if _PRINTABLE.fullmatch(decoded) else value
