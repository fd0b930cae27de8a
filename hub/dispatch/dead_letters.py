"""Dead letters: which ones are meant, what is told about them, and how one becomes an event again. Pure.

The reason of a dead letter stands in its headers, beside those of the event. An event that is replayed loses the
reason and gains where it came from, so that its whole way can be told later.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from contracts.envelope import read_attributes
from hub.kernel.errors import InvalidField, InvalidInput
from hub.kernel.resource import DEFAULT_SCOPE

_NOT_OF_THE_EVENT = ("hub-", "nats-")
"""How headers begin that say why it was given up, or are orders to nats-server."""
ORIGINAL = "Replay-Original-Sequence"
"""Position of the event as it was accepted; kept through every replay."""
REPLAYED = "Replay-Of-Sequence"
"""Position of the event whose delivery is repeated: the original's, or that of an earlier replay."""
ORIGIN = "Replay-Origin"
"""`dead_letters` or `events`."""
BY, AT = "Replay-By", "Replay-At"
EDITED_BY, EDITED_AT, EDITED_OF = "Edit-By", "Edit-At", "Edit-Of"

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")
_JSON_TYPE = re.compile(r"[^;]*[/+]json\s*(;.*)?", re.IGNORECASE)
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters are meant."""

    scope: str
    name: str | None = None
    """Subscription; None means all, of every scope."""
    sequence: int | None = None
    type: str | None = None
    kind: str | None = None
    since: float | None = None
    until: float | None = None

    @property
    def is_narrowed(self) -> bool:
        """Say whether anything beyond the Subscription is asked for."""
        return any(part is not None for part in (self.sequence, self.type, self.kind, self.since, self.until))

    def wants(self, headers: Mapping[str, str], stored_at: float) -> bool:
        """Say whether a dead letter is meant, of those that lie under the subject."""
        if self.since is not None and stored_at < self.since:
            return False
        if self.until is not None and stored_at > self.until:
            return False
        if self.kind is not None and headers.get("Hub-Kind", "") != self.kind:
            return False
        return self.type is None or read_attributes(headers).get("type", "") == self.type


def read_selection(request: Mapping[str, Any]) -> Selection:
    """Return the selection that a request describes.

    Raises:
        InvalidField: a part of it is of the wrong form.
    """
    return Selection(
        scope=text(request, "scope") or DEFAULT_SCOPE,
        name=text(request, "name"),
        sequence=whole(request, "sequence"),
        type=text(request, "type"),
        kind=text(request, "kind"),
        since=moment(request, "since"),
        until=moment(request, "until"),
    )


def text(request: Mapping[str, Any], name: str) -> str | None:
    """Return a text of a request; None when it is absent or empty.

    Raises:
        InvalidField: it is none.
    """
    value = request.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidField(f"{name} must be text.", field=name)
    return value or None


def whole(request: Mapping[str, Any], name: str) -> int | None:
    """Return a whole number of a request, at least 1; None when it is absent.

    Raises:
        InvalidField: it is none.
    """
    value = request.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise InvalidField(f"{name} must be a whole number from 1.", field=name)
    return value


def moment(request: Mapping[str, Any], name: str) -> float | None:
    """Return a moment of a request in seconds since 1970; None when it is absent.

    Raises:
        InvalidField: it is none.
    """
    value = request.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise InvalidField(f"{name} must be a moment in seconds since 1970.", field=name)
    return value


def subscription_of(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """Return scope and name of the Subscription that a dead letter belongs to; None for what workers gave up."""
    scope, slash, name = headers.get("Hub-Subscription", "").partition("/")
    return (scope, name) if slash else None


def shown(headers: Mapping[str, str], sequence: int, stored_at: float, size_bytes: int) -> dict[str, Any]:
    """Return what is told about a dead letter; its data is not."""
    attributes = read_attributes(headers)
    scope, name = subscription_of(headers) or ("", "")
    return {
        "sequence": sequence,
        "at": moment_text(stored_at),
        "scope": scope,
        "subscription": name,
        **{key: attributes.get(key, "") for key in ("id", "source", "type")},
        "kind": headers.get("Hub-Kind", ""),
        "reason": headers.get("Hub-Reason", ""),
        "attempts": number(headers, "Hub-Attempts"),
        "status": number(headers, "Hub-Status"),
        "response": headers.get("Hub-Response", ""),
        "event_sequence": original_of(headers),
        "size": size_bytes,
        "edited": EDITED_BY in headers,
    }


def shown_whole(headers: Mapping[str, str], sequence: int, stored_at: float, data: bytes) -> dict[str, Any]:
    """Return everything about a dead letter: all attributes and the data, as JSON, text or base64."""
    content_type = read_attributes(headers).get("datacontenttype", "")
    return shown(headers, sequence, stored_at, len(data)) | {
        "attributes": read_attributes(headers),
        "headers": {key: value for key, value in headers.items() if key.startswith(("Hub-", "Replay-", "Edit-"))},
        **data_members(data, content_type),
    }


def data_members(data: bytes, content_type: str) -> dict[str, Any]:
    """Return data as CloudEvents JSON carries it: `data` when it is JSON or text, else `data_base64`."""
    if not data:
        return {}
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"data_base64": base64.b64encode(data).decode()}
    if is_json(content_type):
        try:
            return {"data": orjson.loads(data)}
        except orjson.JSONDecodeError:
            return {"data": text}
    return {"data": text}


def is_json(content_type: str) -> bool:
    """Say whether data of this media type is JSON; so is data without one."""
    return not content_type or _JSON_TYPE.fullmatch(content_type) is not None


def number(headers: Mapping[str, str], name: str) -> int | None:
    """Return a header that holds a number; None when it holds none."""
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None


def original_of(headers: Mapping[str, str]) -> int | None:
    """Return the position of the event as it was accepted, of a dead letter."""
    return number(headers, ORIGINAL) or number(headers, "Hub-Stream-Sequence")


@dataclass(frozen=True, slots=True)
class Edit:
    """Data that takes the place of a dead letter's own."""

    data: bytes


def read_edit(request: Mapping[str, Any]) -> Edit | None:
    """Return the edit of a request, `{"edit": {"data": base64}}`; None when there is none.

    Raises:
        InvalidField: it is of the wrong form, or goes with more than one dead letter.
    """
    given = request.get("edit")
    if given is None:
        return None
    if request.get("sequence") is None:
        raise InvalidField("edit goes with the sequence of one dead letter.", field="sequence")
    if not isinstance(given, Mapping) or not isinstance(given.get("data"), str):
        raise InvalidField("edit must hold the data as base64.", field="edit.data")
    try:
        return Edit(base64.b64decode(given["data"], validate=True))
    except ValueError as error:
        raise InvalidField("edit.data is no base64.", field="edit.data") from error


def check_edit(edit: Edit, headers: Mapping[str, str]) -> None:
    """Refuse edited data that is no longer what the event says it is.

    Raises:
        InvalidInput: the event's data is JSON and the edited data is none.
    """
    content_type = read_attributes(headers).get("datacontenttype", "")
    if content_type and is_json(content_type):
        try:
            orjson.loads(edit.data)
        except orjson.JSONDecodeError as error:
            raise InvalidInput(f"The event says {content_type}, but the edited data is no JSON: {error}.") from error


@dataclass(frozen=True, slots=True)
class Again:
    """An event as it is published again."""

    headers: dict[str, str]
    data: bytes


def again(headers: Mapping[str, str], data: bytes, sequence: int, by: str, now: float, edit: Edit | None) -> Again:
    """Return a dead letter as the event that is delivered again.

    Its `Nats-Msg-Id` is the same each time, so that a replay cut short and repeated is stored once; another edit is
    another event.
    """
    kept = event_headers(headers)
    kept |= origin_headers("dead_letters", original_of(headers), number(headers, "Hub-Stream-Sequence"), by, now)
    if edit is not None:
        kept |= {
            EDITED_BY: printable(by),
            EDITED_AT: moment_text(now),
            EDITED_OF: f"sha256:{hashlib.sha256(data).hexdigest()}",
        }
        data = edit.data
    digest = hashlib.blake2b(data, digest_size=8).hexdigest()
    kept["Nats-Msg-Id"] = f"replay/{headers.get('Hub-Subscription', '')}/{sequence}/{digest}"
    return Again(kept, data)


def event_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of the event itself: without why it was given up, and without orders to nats-server."""
    return {key: value for key, value in headers.items() if not key.lower().startswith(_NOT_OF_THE_EVENT)}


def origin_headers(origin: str, original: int | None, replayed: int | None, by: str, now: float) -> dict[str, str]:
    """Return the headers that say where a replayed event came from."""
    places = {ORIGINAL: original, REPLAYED: replayed}
    return {
        ORIGIN: origin,
        BY: printable(by),
        AT: moment_text(now),
        **{name: str(place) for name, place in places.items() if place},
    }


def printable(text: str) -> str:
    """Return a text as a header may carry it."""
    return _UNPRINTABLE.sub("?", text)[:_LONGEST_NAME]


def moment_text(seconds: float) -> str:
    """Return a moment as RFC 3339 in UTC, in milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
