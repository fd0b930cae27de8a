"""Reads streams page by page: a consumer that lives as long as one page, never a round trip per message.

A page says where the next one begins, so that whoever asks can go through a stream of any size and show how far it is.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from hub.kernel.errors import BrokerUnavailable, HubError, NotFound

_ABSENT = {10014, 10037, 10057, 10059}  # consumer, message, message to delete, stream
_SILENCE_SECONDS = 5.0
_AT_ONCE = 64
_PAGE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stored:
    """One message of a stream."""

    subject: str
    sequence: int
    stored_at: float
    """Seconds since 1970."""
    headers: Mapping[str, str] = field(repr=False)
    data: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Range:
    """Which messages are read, oldest first."""

    stream: str
    subjects: tuple[str, ...]
    first: int = 1
    """Sequence to begin with."""
    since: float | None = None
    """Or the moment to begin with, in seconds since 1970."""
    last: int | None = None
    """Sequence to end with."""
    headers_only: bool = False

    def config(self, name: str) -> dict[str, Any]:
        """Return the consumer that reads it: without acknowledgements, in memory, gone when forgotten."""
        start: dict[str, Any] = {"deliver_policy": "by_start_sequence", "opt_start_seq": max(1, self.first)}
        if self.since is not None:
            moment = datetime.fromtimestamp(self.since, UTC).isoformat()
            start = {"deliver_policy": "by_start_time", "opt_start_time": moment}
        return start | {
            "name": name,
            "ack_policy": "none",
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": int(30e9),
            "filter_subjects": list(self.subjects),
            "headers_only": self.headers_only,
            "replay_policy": "instant",
        }


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages, in order."""

    messages: list[Stored]
    next: int | None
    """Sequence to go on with; None when there is nothing more."""
    total: int
    """How many messages the range had when the page was asked for, this page included; those behind `last` count."""


async def request(client: Client, verb: str, subject: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Ask JetStream.

    Raises:
        NotFound: there is no such thing.
        BrokerUnavailable: it refused or did not answer.
    """
    try:
        reply = await client.request(f"$JS.API.{verb}.{subject}", orjson.dumps(body), timeout=10)
    except (NatsError, TimeoutError) as error:
        raise BrokerUnavailable from error
    answer: dict[str, Any] = orjson.loads(reply.data)
    problem = answer.get("error")
    if problem is None:
        return answer
    if problem.get("err_code") in _ABSENT:
        raise NotFound(f"The event store has no {subject}.")
    raise BrokerUnavailable(f"The event store refused: {problem.get('description', 'no reason given')}.")


async def read_page(client: Client, wanted: Range, limit: int) -> Page:
    """Return the first messages of a range, at most `limit` and a few megabytes.

    Raises:
        BrokerUnavailable: the event store does not answer.
    """
    async with _consumer(client, wanted) as (name, pending):
        if pending == 0:
            return Page([], None, 0)
        messages = await _pull(client, f"{wanted.stream}.{name}", min(limit, pending))
    kept = [each for each in messages if wanted.last is None or each.sequence <= wanted.last]
    ended = not messages or len(messages) >= pending or len(kept) < len(messages)
    return Page(kept, None if ended else messages[-1].sequence + 1, pending)


async def read_all(client: Client, wanted: Range, page: int = 10_000) -> AsyncIterator[Stored]:
    """Iterate over a whole range, a page at a time."""
    left: Range | None = wanted
    while left is not None:
        found = await read_page(client, left, page)
        for message in found.messages:
            yield message
        left = None if found.next is None else replace(left, first=found.next, since=None)


@asynccontextmanager
async def _consumer(client: Client, wanted: Range) -> AsyncIterator[tuple[str, int]]:
    name = f"scan_{uuid4().hex}"
    body = {"stream_name": wanted.stream, "config": wanted.config(name), "action": "create"}
    made = await request(client, "CONSUMER.CREATE", f"{wanted.stream}.{name}", body)
    try:
        yield name, int(made.get("num_pending", 0))
    finally:
        with suppress(NotFound, BrokerUnavailable):  # it is forgotten by itself
            await request(client, "CONSUMER.DELETE", f"{wanted.stream}.{name}", {})


async def _pull(client: Client, consumer: str, count: int) -> list[Stored]:
    """Return up to that many messages; the server says so when fewer come."""
    inbox = client.new_inbox()
    found: list[Stored] = []
    heard = time.monotonic()
    ended = asyncio.Event()

    async def arrived(message: Msg) -> None:
        nonlocal heard
        heard = time.monotonic()
        if message.reply.startswith("$JS.ACK."):
            found.append(_stored(message))
        if len(found) >= count or not message.reply.startswith("$JS.ACK."):
            ended.set()

    subscription = await client.subscribe(inbox, cb=arrived, pending_msgs_limit=0, pending_bytes_limit=0)
    try:
        asked = orjson.dumps({"batch": count, "no_wait": True, "max_bytes": _PAGE_BYTES})
        await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{consumer}", asked, reply=inbox)
        while not ended.is_set():
            try:
                await asyncio.wait_for(ended.wait(), _SILENCE_SECONDS)
            except TimeoutError:
                if time.monotonic() - heard >= _SILENCE_SECONDS:
                    raise BrokerUnavailable from None
    except NatsError as error:
        raise BrokerUnavailable from error
    finally:
        if not client.is_closed:
            await subscription.unsubscribe()
    return found  # none: removed by somebody else meanwhile


def _stored(message: Msg) -> Stored:
    place = message.metadata
    stored_at = place.timestamp.timestamp()
    return Stored(message.subject, place.sequence.stream, stored_at, dict(message.headers or {}), message.data)


async def read_one(client: Client, stream: str, sequence: int) -> Stored:
    """Return one message by its sequence.

    Raises:
        NotFound: there is none.
    """
    page = await read_page(client, Range(stream, (">",), first=sequence), 1)
    if not page.messages or page.messages[0].sequence != sequence:
        raise NotFound(f"{stream} holds nothing at sequence {sequence}.", sequence=sequence)
    return page.messages[0]


async def last_sequence(client: Client, stream: str) -> int:
    """Return the sequence of the newest message."""
    state: dict[str, Any] = (await request(client, "STREAM.INFO", stream, {}))["state"]
    return int(state["last_seq"])


async def remove(client: Client, stream: str, sequence: int) -> None:
    """Take one message out of a stream; one that is gone already is no error."""
    try:
        await request(client, "STREAM.MSG.DELETE", stream, {"seq": sequence, "no_erase": True})
    except NotFound:
        return



async def for_each(messages: Sequence[Stored], act: Callable[[Stored], Awaitable[None]], done: str) -> None:
    """Do something with each message, some at a time, oldest first; end at the first that fails.

    Args:
        messages: in order.
        act: what is done.
        done: its participle, for the text of a failure: how many went before it.

    Raises:
        HubError: as `act` raised it, with the number of those that were done.
    """
    for begin in range(0, len(messages), _AT_ONCE):
        some = messages[begin : begin + _AT_ONCE]
        outcomes = await asyncio.gather(*(act(message) for message in some), return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        bug = next((failure for failure in failures if not isinstance(failure, HubError)), None)
        if bug is not None:
            raise bug
        for failure in failures:
            count = begin + len(some) - len(failures)
            raise failure.within(f"{count} of this page {done}") if isinstance(failure, HubError) else failure
