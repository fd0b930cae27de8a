"""CloudEvents over HTTP: binary, structured and batch mode.

The content type decides the mode; a `ce-` header beside a structured body does not. Data is kept as bytes, so that the
sink gets what the solution sent.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from contracts.envelope import decode_value_strictly
from hub.ingress import exact
from hub.ingress.model import JSON_TYPE, Draft
from hub.kernel.errors import InvalidInput

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
PREFIX = "ce-"
_DATA = {"data", "data_base64"}


def mode_of(headers: Mapping[str, str]) -> str:
    """Return `structured`, `batch`, `binary`, or an empty text when the request is no event."""
    media = headers.get("content-type", "").split(";")[0].strip().lower()
    if media == STRUCTURED:
        return "structured"
    if media == BATCH:
        return "batch"
    if media.startswith("application/cloudevents"):
        return ""
    return "binary" if "ce-specversion" in headers else ""


def check_once(names: Iterable[str]) -> None:
    """Refuse an attribute that comes twice: whichever counted, somebody on the way would have taken the other.

    Args:
        names: those of all headers, lower-case.

    Raises:
        InvalidInput: naming the header.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen and (name.startswith(PREFIX) or name == "content-type"):
            raise InvalidInput(f"The header {name} comes twice; send it once.")
        seen.add(name)


def parse_binary(headers: Mapping[str, str], body: bytes) -> Draft:
    """Read an event in binary mode.

    Args:
        headers: lower-case names; values as text of ISO-8859-1 bytes, as ASGI gives them.

    Raises:
        InvalidInput: a header's percent-encoding is no UTF-8.
    """
    attributes = {
        name[len(PREFIX) :]: _header_text(name, value) for name, value in headers.items() if name.startswith(PREFIX)
    }
    attributes.pop("datacontenttype", None)
    return Draft(attributes, body, headers.get("content-type", ""))


def parse_structured(body: bytes) -> Draft:
    """Read an event in structured mode.

    Raises:
        InvalidInput: it is no JSON object, or a member has a type that attributes do not have.
    """
    return draft_of(value_of(body))


def parse_batch(body: bytes) -> list[Draft]:
    """Read a batch.

    Raises:
        InvalidInput: naming the index of the first event that is wrong.
    """
    drafts = []
    for index, item in enumerate(items_of(body)):
        try:
            drafts.append(draft_of(item))
        except InvalidInput as error:
            raise error.within(f"event {index}") from error
    return drafts


def items_of(body: bytes) -> list[Any]:
    """Return the events of a batch, a JSON array, possibly empty; not yet judged.

    Raises:
        InvalidInput: it is no JSON array.
    """
    items = value_of(body)
    if not isinstance(items, list):
        raise InvalidInput("A batch is a JSON array of events.")
    return items


def draft_of(event: Any) -> Draft:
    """Return the draft of one event in the JSON format."""
    if not isinstance(event, dict):
        raise InvalidInput("An event in structured mode is a JSON object.")
    attributes = {
        name: _attribute_text(name, value) for name, value in event.items() if name not in _DATA and value is not None
    }
    content_type = attributes.pop("datacontenttype", "")
    if event.get("data_base64") is not None:
        if "data" in event:
            raise InvalidInput("data and data_base64 exclude each other.")
        return Draft(attributes, _decode(event["data_base64"]), content_type)
    if "data" not in event:
        return Draft(attributes, b"", content_type)
    value = event["data"]
    if isinstance(value, str) and content_type and not is_json(content_type):
        return Draft(attributes, value.encode(), content_type)
    return Draft(attributes, exact.dumps(value), content_type or JSON_TYPE, value, has_value=True)


def is_json(content_type: str) -> bool:
    """Say whether a media type is JSON: `*/json` or `*/*+json`, in any case."""
    media = content_type.split(";", maxsplit=1)[0].strip().lower()
    return media.endswith(("/json", "+json"))


def value_of(body: bytes) -> Any:
    """Return a body as JSON.

    Raises:
        InvalidInput: it is none.
    """
    try:
        return exact.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"The body is not JSON: {error}.") from error


def _decode(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise InvalidInput("data_base64 is not base64.") from error


def _attribute_text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    raise InvalidInput(f"{name}: attributes are text, numbers or booleans.")


def _header_text(name: str, value: str) -> str:
    if value.isascii():
        text = value
    else:  # clients send UTF-8 or ISO-8859-1 as it is
        raw = value.encode("latin-1", "replace")
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = value
    if "%" not in text and '"' not in text:
        return text
    try:
        return decode_value_strictly(text)
    except ValueError as error:
        raise InvalidInput(f"{name}: the percent-encoded value is not UTF-8.") from error
