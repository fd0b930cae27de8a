"""Kyma's legacy events: `POST /{application}/v1/events`. Checks stop at the first failure, in upstream's order.

Source: kyma-project/eventing-publisher-proxy, pkg/legacy.
"""

import re
from datetime import datetime
from typing import Any

import orjson

from hub.ingress import exact
from hub.ingress.model import JSON_TYPE, Draft
from hub.kernel.errors import BodyTooLarge, ContractViolation, HubError, InvalidField, InvalidInput, MissingField

_VERSION = re.compile(r"[a-zA-Z0-9]+")
_ID = re.compile(r"[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}")
_BAD_SYNTAX = "Bad payload syntax"


def parse(body: bytes, application: str, new_id: str) -> Draft:
    """Read a legacy event.

    Args:
        body: the request's body.
        application: the source.
        new_id: used when the event brings no id.

    Raises:
        MissingField, InvalidField: with the name of the member.
        InvalidInput: the body is no JSON object.
    """
    members = members_of(body)
    event_type = needed_text(members, "event-type")
    version = check_version(members, "event-type-version")
    time = check_time(members, "event-time")
    event_id = check_id(members, "event-id")
    value = check_data(members)
    attributes = {
        "specversion": "1.0",
        "id": event_id or new_id,
        "source": application,
        "type": f"{event_type}.{version}",
        "time": time,
        "eventtypeversion": version,
    }
    return Draft(attributes, exact.dumps(value), JSON_TYPE, value, has_value=True)


def render_accepted(event_id: str) -> bytes:
    """Return the body that a stored event is answered with."""
    return orjson.dumps({"event-id": event_id, "status": "", "reason": ""})


def render_refused(error: HubError, status: int) -> bytes:
    """Return the body that a refused event is answered with; empty members are left out."""
    body: dict[str, Any] = {"status": status}
    if isinstance(error, MissingField | InvalidField | ContractViolation):
        missing = isinstance(error, MissingField)
        kind, text = ("missing_field", "Missing field") if missing else ("invalid_field", "Invalid field")
        detail = {"field": str(error.fields.get("field", "data")), "type": kind, "message": text}
        if isinstance(error, ContractViolation):
            detail["moreInfo"] = error.detail
        body |= {"type": "validation_violation", "message": text, "details": [detail]}
    elif isinstance(error, BodyTooLarge):
        text = "http: request body too large"
        body |= {"type": "request_body_too_large", "message": "Request body too large", "moreInfo": text}
    elif isinstance(error, InvalidInput):
        body |= {"type": "bad_payload_syntax", "message": _BAD_SYNTAX, "moreInfo": error.detail}
    else:
        body["message"] = error.detail
    return orjson.dumps(body)


def is_timestamp(text: str) -> bool:
    """Say whether a text is an RFC 3339 timestamp: date, time and zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return False
    return moment.tzinfo is not None and len(text) > 10 and text[10] in "Tt"


def members_of(body: bytes) -> dict[str, Any]:
    """Return the members of a JSON object by lower-case name: Go's decoder, which clients rely on, minds no case.

    Raises:
        InvalidInput: the body is empty, no JSON or no object.
    """
    if not body:
        raise InvalidInput(_BAD_SYNTAX)
    try:
        value = exact.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(str(error)) from error
    if not isinstance(value, dict):
        raise InvalidInput("The body is not a JSON object")
    return {name.lower(): item for name, item in value.items()}


def needed_text(members: dict[str, Any], name: str) -> str:
    """Return a member that must be a text and not empty."""
    value = members.get(name)
    if value is None or value == "":
        raise MissingField("Missing field", field=name)
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be text")
    return value


def check_version(members: dict[str, Any], name: str) -> str:
    """Return the version of an event type: it holds a letter or digit somewhere."""
    version = needed_text(members, name)
    if not _VERSION.search(version):
        raise InvalidField("Invalid field", field=name)
    return version


def check_time(members: dict[str, Any], name: str) -> str:
    """Return the time of an event, RFC 3339."""
    time = needed_text(members, name)
    if not is_timestamp(time):
        raise InvalidField("Invalid field", field=name)
    return time


def check_id(members: dict[str, Any], name: str) -> str:
    """Return the id of an event, a UUID; empty when it brings none."""
    event_id = members.get(name) or ""
    if event_id and not (isinstance(event_id, str) and _ID.fullmatch(event_id)):
        raise InvalidField("Invalid field", field=name)
    return str(event_id)


def check_data(members: dict[str, Any]) -> Any:
    """Return the data: any JSON value but null and the empty text."""
    value = members.get("data")
    if value is None or value == "":
        raise MissingField("Missing field", field="data")
    return value
