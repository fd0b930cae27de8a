"""The plain event: one whose attributes need no decoding, checked and made ready for the stream in one pass. Pure.

Nearly every event is plain, and a plain one is checked and rendered here without the intermediate forms that the
dialects and `admission` make. Whatever is not plain, or would be refused, is left to them: this module accepts or says
nothing. What it accepts, they accept, with the same subject, headers and data - a law holds it to that.
"""

import re
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from contracts.envelope import DEPTH, encode_value
from hub.ingress import exact
from hub.ingress.admission import MEDIA, message_id
from hub.ingress.bounds import HEADER_BYTES
from hub.ingress.dialects.cloudevents import is_json
from hub.ingress.dialects.kyma_v1 import is_timestamp
from hub.ingress.expectations import Expectation
from hub.ingress.model import JSON_TYPE, Admitted
from hub.ingress.rules import Rules
from hub.ingress.spans import ACCEPT
from hub.kernel.errors import InvalidInput
from hub.kernel.trace import is_valid, open_span
from hub.kernel.workload import HEADER

_NAME = re.compile(rb"ce-[a-z0-9]+").fullmatch
# Printable ASCII except quote and percent: the same in HTTP, in the NATS binding and decoded.
_VALUE = re.compile(rb"[!#$&-~]+").fullmatch
_MEMBER = re.compile(r"[a-z0-9]+").fullmatch
_NEEDED = (b"ce-id", b"ce-source", b"ce-type")
_ADDRESSED = {b"ce-specversion", b"ce-source", b"ce-type"}
_CHECKED_ELSEWHERE = {b"ce-dataschema", b"ce-datacontenttype", b"ce-" + DEPTH.encode()}
_READ_ELSEWHERE = {b"b3", b"x-b3-traceid", b"x-b3-spanid", b"x-b3-sampled", HEADER}
"""Another form of trace, and the token of a Function: both are looked at where events are few."""
_NOT_ATTRIBUTES = {"data", "data_base64", "datacontenttype"}

_NOT_JSON = object()
"""Stands for data that was not, or could not be, parsed as JSON."""

Attributes = dict[bytes, bytes]
"""Attributes by the names of their headers, `ce-id`."""


class Media(NamedTuple):
    """A content type that is acceptable."""

    line: bytes
    is_json: bool


def read(headers: list[tuple[bytes, bytes]], body: bytes, source: str | None, rules: Rules) -> Admitted | None:
    """Return an event in binary mode as it is stored, or None when it is not plain.

    Args:
        headers: lower-case names and values.
        body: the data.
        source: what the caller's identity says; None keeps the event's own (trusted callers only).
        rules: what it is judged by.
    """
    head = _head_of(headers)
    media = None if head is None else _media_of(head.content_type)
    if head is None or media is None:
        return None
    parsed: Any = _NOT_JSON
    if body and media.is_json:
        parsed = _parsed(body)
        if parsed is _NOT_JSON:
            return None
    given = head.trace.decode("latin-1")
    context, span = open_span(given if is_valid(given) else "", ACCEPT)
    made = _made(head.attributes, media, (body, parsed), source, rules, context)
    return made if span is None or made is None else replace(made, span=span)


class Head(NamedTuple):
    """The headers of a request that count."""

    attributes: Attributes
    content_type: bytes
    trace: bytes


def _head_of(headers: list[tuple[bytes, bytes]]) -> Head | None:
    attributes: Attributes = {}
    content_type = trace = b""
    for name, value in headers:
        if name.startswith(b"ce-"):
            if name in attributes or not _NAME(name) or not _VALUE(value):
                return None
            attributes[name] = value
        elif name == b"content-type":
            if content_type:
                return None
            content_type = value
        elif name == b"traceparent":
            trace = value
        elif name in _READ_ELSEWHERE:
            return None
    return Head(attributes, content_type, trace)


def read_json(event: dict[str, Any], source: str | None, rules: Rules, traceparent: str) -> Admitted | None:
    """Return an event in the JSON format as it is stored, or None when it is not plain.

    Args:
        event: the parsed JSON object.
        source: as for `read`.
        rules: as for `read`.
        traceparent: trace context of the request.
    """
    value = event.get("data", _NOT_JSON)
    content_type = event.get("datacontenttype", JSON_TYPE)
    if value is _NOT_JSON or "data_base64" in event or content_type != JSON_TYPE:
        return None
    attributes: Attributes = {}
    for name, text in event.items():
        if name in _NOT_ATTRIBUTES:
            continue
        if not isinstance(text, str) or not _MEMBER(name) or not text.isascii():
            return None
        raw = text.encode()
        if not _VALUE(raw):
            return None
        attributes[b"ce-" + name.encode()] = raw
    try:
        data = exact.dumps(value)
    except InvalidInput:
        return None
    return _made(attributes, _JSON_MEDIA, (data, value), source, rules, traceparent)


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _NOT_JSON


def _made(
    attributes: Attributes, media: Media, data: tuple[bytes, Any], source: str | None, rules: Rules, traceparent: str
) -> Admitted | None:
    if not _is_complete(attributes):
        return None
    own = attributes[b"ce-source"].decode() if source is None else source
    try:
        address = rules.addresses.find(own, attributes[b"ce-type"].decode(), stamped=source is not None)
    except InvalidInput:
        return None
    expectation = rules.known.find(own, address.plain_type)
    body, parsed = data
    if parsed is not _NOT_JSON and not _fits(parsed, expectation):
        return None
    event_id = attributes[b"ce-id"].decode()
    lines = [b"ce-specversion: 1.0\r\n", address.lines, media.line]
    lines += [b"%b: %b\r\n" % pair for pair in attributes.items() if pair[0] not in _ADDRESSED]
    lines.append(f"traceparent: {traceparent}\r\nNats-Msg-Id: {message_id(own, event_id)}\r\n".encode())
    headers = b"".join(lines)
    if len(headers) > HEADER_BYTES:
        return None
    return Admitted(address.subject, headers, body, event_id, "", expectation is not None)


def _is_complete(attributes: Attributes) -> bool:
    if attributes.get(b"ce-specversion") != b"1.0" or not all(name in attributes for name in _NEEDED):
        return False
    if not _CHECKED_ELSEWHERE.isdisjoint(attributes):
        return False
    time = attributes.get(b"ce-time")
    return time is None or is_timestamp(time.decode())


def _fits(value: Any, expectation: Expectation | None) -> bool:
    if expectation is None or expectation.validator is None or expectation.check == "off":
        return True
    try:
        return expectation.fits(value)
    except InvalidInput:
        return False


@lru_cache(maxsize=1_000)
def _media_of(content_type: bytes) -> Media | None:
    text = content_type.decode("latin-1")
    if not text:
        return Media(b"", False)
    if not text.isascii() or not MEDIA.fullmatch(text) or text.lower().startswith("application/cloudevents"):
        return None
    return Media(f"ce-datacontenttype: {encode_value(text)}\r\n".encode(), is_json(text))


_JSON_MEDIA = Media(f"ce-datacontenttype: {JSON_TYPE}\r\n".encode(), True)
