"""The two arguments of a handler: the event, with its CloudEvents attributes, and the context.

Follows Kyma's Python runtime, its traps closed: `event["data"]` is always there, extension attributes are not dropped,
a media type may carry parameters, and a request that claims to be an event but is none is answered 400 before the
handler is called. Pure: headers and bytes in, values out. Runs inside the Function's process and imports nothing but
the standard library.

Source: kyma-project/serverless:components/runtimes/python312/lib/ce.py.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from hub.functions.runtime.request import Request, parsed
from hub.functions.runtime.spans import TRACER

SPEC_VERSIONS = ("1.0", "0.3")
_REQUIRED = ("ce-type", "ce-source", "ce-id", "ce-specversion")
_STRUCTURED = "application/cloudevents+json"

Publish = Callable[[dict[str, Any]], Any]
"""Posts a structured CloudEvent to the publisher and returns its answer."""


class InvalidEventError(ValueError):
    """The request claims to be a CloudEvent, or JSON, and is not; the text says what is wrong."""


class Event:
    """What a handler gets: a map of `data`, `ce-…` attributes and `extensions`, with the means to publish."""

    tracer = TRACER

    def __init__(self, fields: dict[str, Any], publish: Publish) -> None:
        """Create the event from its fields; `publish` posts what the handler emits."""
        self.ceHeaders = fields  # upstream's name
        self._publish = publish

    def __getitem__(self, name: str) -> Any:
        """Return a field: `data`, `ce-type`, `extensions` …"""
        return self.ceHeaders[name]

    def __setitem__(self, name: str, value: Any) -> None:
        """Set a field."""
        self.ceHeaders[name] = value

    def __contains__(self, name: object) -> bool:
        """Say whether there is such a field."""
        return name in self.ceHeaders

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the fields."""
        return iter(self.ceHeaders)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field, or the default."""
        return self.ceHeaders.get(name, default)

    @property
    def data(self) -> Any:
        """Return `event["data"]`."""
        return self.ceHeaders["data"]

    @property
    def req(self) -> Request:
        """Return the request."""
        request: Request = self.ceHeaders["extensions"]["request"]
        return request

    def emitCloudEvent(  # noqa: N802 - upstream's name
        self, type: str, source: str, data: Any, optionalCloudEventAttributes: Any = None  # noqa: A002, N803 - the same
    ) -> Any:
        """Publish an event: id, time and media type are added unless given; raises when it is not accepted."""
        return self._publish({**described(type, source, data), **(optionalCloudEventAttributes or {})})

    def publishCloudEvent(self, data: dict[str, Any]) -> Any:  # noqa: N802 - upstream's name
        """Publish a structured CloudEvent as it is."""
        return self._publish(data)

    def buildResponseCloudEvent(  # noqa: N802 - upstream's name
        self, event_id: str, event_type: str, event_data: Any
    ) -> dict[str, Any]:
        """Return an event of the same source and versions as this one, to be published."""
        built = {
            "type": event_type,
            "source": self.get("ce-source"),
            "eventtypeversion": self.get("ce-eventtypeversion"),
            "specversion": self.get("ce-specversion", "1.0"),
            "id": event_id,
            "data": event_data,
            "datacontenttype": "application/json",
        }
        return {name: value for name, value in built.items() if value is not None}


def described(event_type: str, source: str, data: Any) -> dict[str, Any]:
    """Return a structured CloudEvent around the data, with a new id and the current time."""
    from uuid import uuid4  # only functions that publish pay for the import

    event = {
        "type": event_type,
        "source": source,
        "specversion": "1.0",
        "id": str(uuid4()),
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    if isinstance(data, bytes | bytearray):
        return event | {"data_base64": base64.b64encode(data).decode()}
    media_type = "text/plain" if isinstance(data, str) else "application/json"
    return event | {"datacontenttype": media_type, "data": data}


def event_fields(request: Request) -> dict[str, Any]:
    """Return the fields of the event that a request carries.

    Raises:
        InvalidEventError: a CloudEvent lacks an attribute or has an unknown version, or a body is not JSON as it says.
    """
    headers = request.headers.plain
    fields: dict[str, Any] = {"extensions": {"request": request}}
    media_type = headers.get("content-type", "").lower().partition(";")[0].strip()
    if media_type == _STRUCTURED:
        return fields | _structured(request.content)
    if "ce-type" in headers and "ce-source" in headers:
        for name, value in headers.items():
            if name[:3] == "ce-":
                fields[name] = value
        if "ce-time" not in fields:
            fields["ce-time"] = datetime.now(UTC).isoformat()
        _check(fields)
        fields["data"] = _data(request.content, media_type) if media_type else _guessed(request.content)
        return fields
    fields["data"] = _data(request.content, media_type)
    return fields


def _structured(body: bytes) -> dict[str, Any]:
    document = _json(body)
    if not isinstance(document, dict):
        raise InvalidEventError("the structured event is not a JSON object")
    own = {"data", "data_base64"}
    fields = {f"ce-{name}": value for name, value in document.items() if name not in own}
    _check(fields)
    try:
        encoded = document.get("data_base64")
        data = base64.b64decode(encoded) if isinstance(encoded, str) else document.get("data")
    except (ValueError, binascii.Error) as error:
        raise InvalidEventError("data_base64 of the structured event is not base64") from error
    return fields | {"data": data}


def _check(fields: Mapping[str, Any]) -> None:
    get = fields.get
    version = get("ce-specversion")
    if not (version and get("ce-id") and get("ce-source") and get("ce-type")):
        missing = [name.removeprefix("ce-") for name in _REQUIRED if not get(name)]
        raise InvalidEventError(f"the event lacks {', '.join(missing)}")
    if version not in SPEC_VERSIONS:
        raise InvalidEventError(f"specversion {version} is not known; known: {', '.join(SPEC_VERSIONS)}")


def _data(body: bytes, media_type: str) -> Any:
    if media_type == "application/json" or media_type.endswith("+json"):
        return _json(body) if body else None
    return body or None


def _guessed(body: bytes) -> Any:
    try:
        return parsed(body) if body else None
    except ValueError:
        return body


def _json(body: bytes) -> Any:
    try:
        return parsed(body)
    except ValueError as error:
        raise InvalidEventError(f"the body is not JSON: {error}") from error
