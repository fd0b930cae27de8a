"""The plain event: a CloudEvent in binary mode whose headers need no decoding, made ready in one pass. Pure.

Nearly every event is plain, and a plain one is checked and rendered here without the intermediate forms that the
dialects and `admission` make. Whatever is not plain, or would be refused, is left to them: this module accepts or says
nothing. What it accepts, they accept, with the same subject, headers and data - a law holds it to that.
"""

import re
from functools import lru_cache
from typing import NamedTuple

import orjson

from contracts import subjects
from contracts.envelope import encode_value
from hub.ingress.admission import MEDIA, message_id
from hub.ingress.dialects.cloudevents import is_json
from hub.ingress.dialects.kyma_v1 import is_timestamp
from hub.ingress.expectations import Expectation, Expectations
from hub.kernel.trace import is_valid, new_traceparent

_NAME = re.compile(rb"ce-[a-z0-9]+").fullmatch
# Printable ASCII except quote and percent: the same in HTTP, in the NATS binding and decoded.
_VALUE = re.compile(rb"[!#$&-~]+").fullmatch
_NEEDED = (b"ce-id", b"ce-source", b"ce-type")
_CHECKED_ELSEWHERE = {
    b"ce-dataschema",
    b"ce-datacontenttype",
    b"x-b3-traceid",
    b"x-b3-spanid",
    b"x-b3-sampled",
}


class Plain(NamedTuple):
    """An event as the stream takes it."""

    subject: bytes
    headers: bytes
    """Lines of the NATS binding, without version line and empty line."""
    catalogued: bool


class Head(NamedTuple):
    """The headers of a request that count."""

    attributes: dict[bytes, bytes]
    content_type: bytes
    traceparent: bytes


class Address(NamedTuple):
    """What is the same for all events of a source and type."""

    source: str
    type: str
    subject: bytes
    lines: bytes


def read(headers: list[tuple[bytes, bytes]], body: bytes, source: str | None, known: Expectations) -> Plain | None:
    """Return the event as it is stored, or None when it is not plain.

    Args:
        headers: lower-case names and values.
        body: the data.
        source: what the caller's identity says; None keeps the event's own (trusted callers only).
        known: what the catalog expects of types.
    """
    head = _head_of(headers)
    if head is None or not _is_complete(head.attributes):
        return None
    attributes = head.attributes
    address = _address_of(attributes[b"ce-source"] if source is None else source.encode(), attributes[b"ce-type"])
    media = _media_of(head.content_type)
    if address is None or media is None:
        return None
    expectation = known.find(address.source, address.type)
    if body and media.is_json and not _fits(body, expectation):
        return None
    trace = head.traceparent.decode("latin-1")
    lines = [b"ce-specversion: 1.0\r\n", address.lines, media.line]
    lines += [b"%b: %b\r\n" % pair for pair in attributes.items() if pair[0] not in _IN_ADDRESS]
    traceparent = trace if is_valid(trace) else new_traceparent()
    number = message_id(address.source, attributes[b"ce-id"].decode())
    lines.append(f"traceparent: {traceparent}\r\nNats-Msg-Id: {number}\r\n".encode())
    return Plain(address.subject, b"".join(lines), expectation is not None)


_IN_ADDRESS = {b"ce-specversion", b"ce-source", b"ce-type"}


def _head_of(headers: list[tuple[bytes, bytes]]) -> Head | None:
    attributes: dict[bytes, bytes] = {}
    content_type = traceparent = b""
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
            traceparent = value
        elif name in _CHECKED_ELSEWHERE:
            return None
    return Head(attributes, content_type, traceparent)


def _is_complete(attributes: dict[bytes, bytes]) -> bool:
    if attributes.get(b"ce-specversion") != b"1.0" or not all(name in attributes for name in _NEEDED):
        return False
    if not _CHECKED_ELSEWHERE.isdisjoint(attributes):
        return False
    time = attributes.get(b"ce-time")
    return time is None or is_timestamp(time.decode())


def _fits(body: bytes, expectation: Expectation | None) -> bool:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    if expectation is None or expectation.validator is None or expectation.check == "off":
        return True
    return bool(expectation.validator.is_valid(value))


@lru_cache(maxsize=10_000)
def _address_of(source: bytes, event_type: bytes) -> Address | None:
    name, kind = source.decode(), event_type.decode()
    if "" in kind.split("."):
        return None
    lines = f"ce-source: {encode_value(name)}\r\nce-type: {kind}\r\n".encode()
    return Address(name, kind, subjects.event(name, kind).encode(), lines)


class Media(NamedTuple):
    """A content type that is acceptable."""

    line: bytes
    is_json: bool


@lru_cache(maxsize=1_000)
def _media_of(content_type: bytes) -> Media | None:
    text = content_type.decode("latin-1")
    if not text:
        return Media(b"", False)
    if not text.isascii() or not MEDIA.fullmatch(text) or text.lower().startswith("application/cloudevents"):
        return None
    return Media(f"ce-datacontenttype: {encode_value(text)}\r\n".encode(), is_json(text))
