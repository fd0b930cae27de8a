"""Events as people keep them in files: one CloudEvent, an array, or one per line. All is read before one is sent."""

import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from hub.kernel.errors import AlreadyExists, InvalidInput

if TYPE_CHECKING:
    from hub.commands.session import Session

Event = dict[str, Any]


def read_events(name: str) -> list[Event]:
    """Return the events of a file, `-` for standard input.

    Raises:
        InvalidInput: it cannot be read, or holds something else; the text says where.
    """
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise InvalidInput(f"{name} cannot be read: {error.strerror}.") from error
    return parse_events(raw, "standard input" if name == "-" else name)


def parse_events(raw: bytes, name: str) -> list[Event]:
    """Return the events of a text in any of the three forms.

    Raises:
        InvalidInput: it is no JSON, or an event is no object; the text names the place.
    """
    try:
        whole = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return _by_line(raw, name, error)
    given = whole if isinstance(whole, list) else [whole]
    for index, event in enumerate(given):
        if not isinstance(event, dict):
            raise InvalidInput(f"{name}: event {index + 1} is no JSON object; nothing was sent.")
    return given


def _by_line(raw: bytes, name: str, whole: orjson.JSONDecodeError) -> list[Event]:
    lines = [(number, line) for number, line in enumerate(raw.splitlines(), 1) if line.strip()]
    if len(lines) < 2:
        raise InvalidInput(f"{name} is no JSON ({whole}); nothing was sent.") from whole
    events = []
    for number, line in lines:
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise InvalidInput(f"{name}, line {number} is no JSON ({error}); nothing was sent.") from error
        if not isinstance(event, dict):
            raise InvalidInput(f"{name}, line {number} is no JSON object; nothing was sent.")
        events.append(event)
    return events


def made_event(event_type: str, data: str | None, event_id: str | None, source: str) -> Event:
    """Return an event made of options: data that is JSON is sent as JSON, anything else as text."""
    event: Event = {
        "specversion": "1.0",
        "id": event_id or str(uuid.uuid4()),
        "source": source,
        "type": event_type,
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    if data is None:
        return event
    try:
        return event | {"datacontenttype": "application/json", "data": orjson.loads(data)}
    except orjson.JSONDecodeError:
        return event | {"datacontenttype": "text/plain", "data": data}


async def save(session: "Session", told: dict[str, Any], path: Path) -> None:
    """Write a stored event into a new file: a CloudEvent in JSON, as `publish`, `function run` and `invoke` take it.

    Args:
        session: with the hub that holds it.
        told: what `hub events show` knows of it.
        path: of the file.

    Raises:
        AlreadyExists: there is something at the path.
        InvalidInput: it cannot be written there.
        UpstreamUnavailable: the event store does not answer, or holds it no more.
    """
    from nats.errors import Error as NatsError
    from nats.js.errors import APIError

    from hub.dispatch.dead_letters import data_members
    from hub.kernel.errors import UpstreamUnavailable

    stored, attributes = told["stored"], told["event"]["attributes"]
    try:
        message = await session.js.get_msg(stored["stream"], seq=stored["sequence"])
    except (APIError, NatsError, TimeoutError) as error:
        raise UpstreamUnavailable(f"Event {stored['sequence']} cannot be read from the event store.") from error
    members = data_members(message.data or b"", attributes.get("datacontenttype", ""))
    _write_new(path, orjson.dumps(attributes | members, option=orjson.OPT_INDENT_2) + b"\n")


def _write_new(path: Path, content: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError as error:
        raise AlreadyExists(f"{path} is there already; choose another name, or remove it.") from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}.") from error
