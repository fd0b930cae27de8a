"""Follows the dead letters of a hub by their position in the stream, which no restart of anything can lose."""

import asyncio
from collections.abc import Callable

import orjson
from nats.errors import Error as NatsError
from nats.js.errors import APIError

from contracts import subjects
from hub.commands.session import Session

_POLL_SECONDS = 0.1


async def follow(session: Session, note: Callable[[str, str], None]) -> None:
    """Hand over the subject and the event's id of each dead letter, past and to come, until cancelled."""
    position = 1
    while True:
        try:
            letter = await session.js.get_msg(subjects.DEAD, seq=position, next=True, subject="dead.>")
        except (NatsError, APIError, TimeoutError, OSError):  # none there yet, or the event store is away
            await asyncio.sleep(_POLL_SECONDS)
            continue
        note(str(letter.subject), identifier_of(letter.headers or {}, letter.data or b"{}"))
        position = (letter.seq or position) + 1


def identifier_of(headers: dict[str, str], body: bytes) -> str:
    """Return the id of the event in a dead letter."""
    if "ce-id" in headers:
        return headers["ce-id"]
    document = orjson.loads(body)
    return str(document.get("id", ""))
