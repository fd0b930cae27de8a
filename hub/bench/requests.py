"""The requests of the load, prebuilt: only ids and times change from one to the next. Pure.

A template is the whole request as bytes, with a place of fixed width for each id (and, where asked, for the moment it
was meant to be sent), so that its Content-Length is the same every time and filling it in costs about a microsecond.
"""

import base64
import uuid
from typing import Any

import orjson

APPLICATION, TYPE = "bench", "order.created.v1"
SENT = "benchsent"
"""The extension attribute that carries the intended moment of sending, in nanoseconds of the monotonic clock."""
USER, PASSWORD = "bench", "a word to pass"
AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
"""What the gateway adds to calls."""
ID_PLACE, SENT_PLACE = "%016d", "%019d"
_ID_MARK, _SENT_MARK = "@@@@@@@@@@@@@@@@", "###################"
"""As wide as what takes their place."""


def data_of(size: int) -> bytes:
    """Return JSON of exactly this many bytes (at least 16): an order with as many items as fit."""
    item = {"sku": "A-4711", "quantity": 2, "price": 12.5, "currency": "EUR"}
    count = max(0, (size - 32) // (len(orjson.dumps(item)) + 1))
    order: dict[str, Any] = {"items": [item] * count, "pad": ""}
    if len(orjson.dumps(order)) > size:
        order = {"pad": ""}
    order["pad"] = "x" * (size - len(orjson.dumps(order)))
    return orjson.dumps(order)


def single(path: str, host: str, size: int, *, stamped: bool = False) -> bytes:
    """Return the template of one event in binary mode."""
    attributes = {"specversion": "1.0", "id": _id_of_run(), "source": APPLICATION, "type": TYPE}
    attributes |= {SENT: _SENT_MARK} if stamped else {}
    headers = {"Content-Type": "application/json"} | {f"ce-{name}": value for name, value in attributes.items()}
    return _template(path, host, headers, data_of(size))


def batch(path: str, host: str, size: int, count: int, *, stamped: bool = False) -> bytes:
    """Return the template of a CloudEvents batch."""
    event: dict[str, Any] = {"specversion": "1.0", "id": _id_of_run(), "source": APPLICATION, "type": TYPE}
    event |= {SENT: _SENT_MARK} if stamped else {}
    event |= {"datacontenttype": "application/json", "data": orjson.Fragment(data_of(size))}
    body = orjson.dumps([event] * count)
    return _template(path, host, {"Content-Type": "application/cloudevents-batch+json"}, body)


def signing(path: str, host: str, encoded: str) -> bytes:
    """Return the template of a signing request, the same every time; its id stands beside it."""
    headers = {"Content-Type": "application/json", "X-Request-Id": _id_of_run()}
    return _template(path, host, headers, orjson.dumps({"csr": encoded}))


def call(host: str, size: int) -> bytes:
    """Return the template of a call through the gateway: its number is that of the Application (`application_name`)."""
    path = f"/bench-{_ID_MARK}/{APPLICATION}/orders"
    return _template(path, host, {"Content-Type": "application/json"}, data_of(size))


def invocation(path: str, host: str, size: int) -> bytes:
    """Return the template of a call of a Function; its id stands in a header."""
    headers = {"Content-Type": "application/json", "X-Request-Id": _id_of_run()}
    return _template(path, host, headers, data_of(size))


def registration(service: dict[str, Any], host: str) -> bytes:
    """Return the template of a registration: the request's number is that of the Application (`application_name`)."""
    body = orjson.dumps(service)
    return _template(f"/bench-{_ID_MARK}/v1/metadata/services", host, {"Content-Type": "application/json"}, body)


def application_name(number: int) -> str:
    """Return the name of an Application of a load that goes round many."""
    return f"bench-{ID_PLACE % number}"


def _id_of_run() -> str:
    """Return the place of an id; its first half differs from run to run, so that nothing passes for a repeat."""
    return f"{uuid.uuid4().hex[:16]}-{_ID_MARK}"


def _template(path: str, host: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    request = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
    escaped = request.replace(b"%", b"%%")
    return escaped.replace(_ID_MARK.encode(), ID_PLACE.encode()).replace(_SENT_MARK.encode(), SENT_PLACE.encode())


def number_of(event_id: str) -> int:
    """Return the number of an event within its load, from its id."""
    return int(event_id.rpartition("-")[2])
