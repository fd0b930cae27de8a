"""What must be delivered one after the other: events whose key is the same. Pure."""

from typing import Any

import orjson

from contracts.envelope import decode_value
from hub.dispatch.model import Delivery


def key_of(delivery: Delivery, key: str) -> str | None:
    """Return the value that orders an event; None when it has none and so waits for nobody.

    Args:
        delivery: the event.
        key: name of an attribute, or a JSON pointer into the data.
    """
    if key.startswith("/"):
        return _in_data(delivery.body, key)
    value = decode_value(delivery.attribute(key))
    return value or None


def _in_data(body: bytes, pointer: str) -> str | None:
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    for escaped in pointer[1:].split("/"):
        token = escaped.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(token)
        elif isinstance(found, list) and token.isdigit() and int(token) < len(found):
            found = found[int(token)]
        else:
            return None
    try:
        return None if found is None else orjson.dumps(found, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:  # nested too deeply to be anybody's key
        return None
