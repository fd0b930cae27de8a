"""Several events as one CloudEvents batch. Pure.

Data that is JSON goes into the batch as it is, after one look that it really is; anything else as base64, or as text
where its type says so.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import orjson

from contracts.envelope import PREFIX, decode_value
from contracts.verbatim import is_json
from hub.dispatch.model import Delivery

CONTENT_TYPE = "application/cloudevents-batch+json"
_JSON = re.compile(r"\s*[\w.+-]+/([\w.-]+\+)?json\s*(;.*)?", re.IGNORECASE)
_TEXT = re.compile(r"\s*text/", re.IGNORECASE)


def batch_body(deliveries: Sequence[Delivery]) -> bytes:
    """Return events as a JSON array of structured CloudEvents."""
    return b"[%b]" % b",".join([structured(delivery) for delivery in deliveries])


def structured(delivery: Delivery) -> bytes:
    """Return an event as one JSON object."""
    attributes = _attributes(delivery.headers)
    head = orjson.dumps(attributes)[:-1]
    body = delivery.body
    if not body:
        return head + b"}"
    form = _form_of(attributes.get("datacontenttype", "application/json"))
    if form == "json" and is_json(body):
        return b'%b,"data":%b}' % (head, body)
    if form == "text":
        try:
            return b'%b,"data":%b}' % (head, orjson.dumps(body.decode()))
        except UnicodeDecodeError:
            pass  # said to be text, but is not: the bytes are kept
    return b'%b,"data_base64":"%b"}' % (head, base64.b64encode(body))


def _attributes(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the CloudEvents attributes, decoded where there is something to decode: most values are plain."""
    found = {attribute: value for name, value in headers.items() if (attribute := _attribute_of(name))}
    written = "".join(found.values())
    if "%" in written or '"' in written:
        return {name: decode_value(value) for name, value in found.items()}
    return found


@lru_cache(maxsize=1_000)
def _attribute_of(header: str) -> str:
    """Return the attribute that a header holds; empty when it holds none."""
    lowered = header.lower()
    return lowered[len(PREFIX) :] if lowered.startswith(PREFIX) else ""


@lru_cache(maxsize=1_000)
def _form_of(content_type: str) -> str:
    if _JSON.fullmatch(content_type):
        return "json"
    return "text" if _TEXT.match(content_type) else ""
