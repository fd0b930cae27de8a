"""What a handler returns, as an HTTP answer: the rules of Kyma's Python runtime, its traps closed.

Upstream answers 500 to numbers, lists of maps and `(body, status)`; here they are what they look like. Pure: a value
in, status, headers and bytes out; runs inside the Function's process, so it imports nothing but the standard library.

Source: kyma-project/serverless:components/runtimes/python312/server.py (Bottle's casting of results).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Answer = tuple[int, dict[str, str], bytes | Iterator[Any]]
"""Status, headers, body; of a generator the parts still to come."""

_HTML = {"content-type": "text/html; charset=UTF-8"}
_JSON = {"content-type": "application/json"}
_EMPTY: Answer = (200, _HTML, b"")


def answer_of(value: Any) -> Answer:
    """Return the HTTP answer that a handler's return value stands for.

    Returns:
        Nothing, an empty text, 0 and False: 200 without a body. Text and bytes: as they are. Maps, numbers, True and
        lists of anything but texts: JSON. Lists and tuples of texts: put together. Generators: sent part by part.
        `(body, status)` and `(body, status, headers)`: that status. An object like Bottle's or Flask's response: its
        own status, headers and body.

    Raises:
        TypeError: the value cannot be sent.
    """
    if value is None or isinstance(value, str | bytes | bytearray):
        return (200, _HTML, bytes_of(value)) if value else _EMPTY
    if isinstance(value, Mapping):
        return 200, _JSON, _json(value)
    if is_response(value):
        return _from_response(value)
    if isinstance(value, list | tuple):
        return _from_sequence(value)
    if isinstance(value, Iterator):
        return 200, _HTML, value
    return (200, _JSON, _json(value)) if value else _EMPTY


def _from_sequence(value: list[Any] | tuple[Any, ...]) -> Answer:
    if not value:
        return (200, _JSON, b"[]") if isinstance(value, list) else _EMPTY
    if isinstance(value, tuple) and len(value) in (2, 3) and _is_status(value[1]):
        _, headers, body = answer_of(value[0])
        own = {str(name).lower(): str(text) for name, text in dict(value[2]).items()} if len(value) == 3 else {}
        return int(value[1]), {**headers, **own}, body
    if all(isinstance(part, str | bytes) for part in value):
        return 200, _HTML, _joined(value)
    return 200, _JSON, _json(value)


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599


def is_response(value: Any) -> bool:
    """Say whether a value (or a raised exception) is a response object, as Bottle's `HTTPResponse` is both."""
    return _is_status(getattr(value, "status_code", None)) and hasattr(value, "headers")


def _from_response(value: Any) -> Answer:
    headers = {str(name).lower(): str(text) for name, text in _pairs(value)}
    body = value.body if hasattr(value, "body") else _own_bytes(value)
    status, defaults, content = answer_of(body)
    given = status if status != 200 else int(value.status_code)
    return given, {**defaults, **headers}, content


def _pairs(value: Any) -> Iterable[tuple[Any, Any]]:
    pairs: Iterable[tuple[Any, Any]] = getattr(value, "headerlist", None) or value.headers.items()
    return pairs


def _own_bytes(value: Any) -> Any:
    return value.get_data() if hasattr(value, "get_data") else getattr(value, "content", b"")


def _joined(parts: Iterable[Any]) -> bytes:
    return b"".join(bytes_of(part) for part in parts)


def bytes_of(part: Any) -> bytes:
    """Return a part of an answer as bytes.

    Raises:
        TypeError: it is neither text nor bytes.
    """
    if isinstance(part, str):
        return part.encode()
    if isinstance(part, bytes | bytearray):
        return bytes(part)
    raise TypeError(f"the handler yielded {type(part).__name__}, which is neither text nor bytes")


def _json(value: Any) -> bytes:
    try:
        return json.dumps(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"the handler returned {type(value).__name__}, which cannot be sent: {error}") from error
