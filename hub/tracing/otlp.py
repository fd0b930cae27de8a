"""Spans in the two forms they leave the process in: OTLP's JSON for collectors, flat records for `hub trace`. Pure.

Source: opentelemetry-proto, trace/v1/trace.proto, and the OTLP specification's rules for JSON (ids in hexadecimal,
64-bit numbers as text, names in lower camel case).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from hub.kernel.trace import Span, trace_id_of

SCOPE = "hub"
_INTERNAL, _SERVER, _CLIENT = 1, 2, 3
_KINDS = {"accept event": _SERVER, "invoke function": _SERVER, "deliver event": _CLIENT, "call api": _CLIENT}
_ERROR = 2
_LONGEST = 256
"""Characters of a value: names of events and sources are the posters'."""


def request_of(spans: Iterable[Span], resource: Mapping[str, str]) -> bytes:
    """Return the body of an export request."""
    scope = {"scope": {"name": SCOPE}, "spans": [_otlp(span) for span in spans]}
    described = {"attributes": [_attribute(name, value) for name, value in resource.items()]}
    return orjson.dumps({"resourceSpans": [{"resource": described, "scopeSpans": [scope]}]})


def _otlp(span: Span) -> dict[str, Any]:
    made: dict[str, Any] = {
        "traceId": trace_id_of(span.context),
        "spanId": span.context[36:52],
        "name": span.name,
        "kind": _KINDS.get(span.name, _INTERNAL),
        "startTimeUnixNano": str(span.began),
        "endTimeUnixNano": str(max(span.began, span.ended)),
        "attributes": [_attribute(name, value) for name, value in span.attributes.items() if value != ""],
        "status": {"code": _ERROR, "message": span.error[:_LONGEST]} if span.error else {},
    }
    return made | ({"parentSpanId": span.parent} if span.parent else {})


def _attribute(name: str, value: str | int) -> dict[str, Any]:
    if isinstance(value, int):
        return {"key": name, "value": {"intValue": str(value)}}
    return {"key": name, "value": {"stringValue": value[:_LONGEST]}}


def records_of(spans: Iterable[Span], process: str) -> dict[str, bytes]:
    """Return the spans as they are kept: by trace id, a JSON array of flat records each."""
    by_trace: dict[str, list[dict[str, Any]]] = {}
    for span in spans:
        by_trace.setdefault(trace_id_of(span.context), []).append(_record(span, process))
    return {trace: orjson.dumps(records) for trace, records in by_trace.items()}


def _record(span: Span, process: str) -> dict[str, Any]:
    return {
        "span": span.context[36:52],
        "parent": span.parent,
        "name": span.name,
        "process": process,
        "began": span.began,
        "ended": max(span.began, span.ended),
        "error": span.error[:_LONGEST],
        "attributes": {
            name: value[:_LONGEST] if isinstance(value, str) else value
            for name, value in span.attributes.items()
            if value != ""
        },
    }
