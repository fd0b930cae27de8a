"""Publishes events and hands each acknowledgement to whoever waits for it.

Each publication carries a reply subject below the publisher's own inbox; acknowledgements settle callbacks, without a
task, timer or subscription per event. What is unacknowledged when the connection ends fails back to its callers: the
event's fate is unknown, they post it again under the same id and de-duplication does the rest. Nothing is sent again
silently.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import ParseResult

import orjson

from hub.kernel.ending import end
from hub.kernel.errors import BodyTooLarge, BrokerUnavailable, HubError
from hub.kernel.logger import log
from hub.kernel.wire import DEFAULT_PORT, HEADER_VERSION, Wire

# nats-server's codes for a stream that takes no more: store failed, insufficient resources, storage, memory.
_FULL = {10077, 10023, 10047, 10028}
_CONNECT_SECONDS = 3.0
_PAUSE_SECONDS = 0.1
_PING_TICKS = 80
_TICK_SECONDS = 0.25


class Receipt(NamedTuple):
    """Where an event was stored."""

    stream: str
    sequence: int
    duplicate: bool


Settled = Callable[[Receipt | HubError], None]
"""Told once: stored where, or why not."""


class Publisher:
    """One publishing connection; reconnects for ever."""

    def __init__(
        self, servers: list[ParseResult], name: str, timeout_seconds: float, inbox: str, tls: ssl.SSLContext | None
    ) -> None:
        """Prepare; `start` connects. Acknowledgements come below the inbox."""
        self._servers = servers
        self._tls = tls
        self._name = name
        self._timeout = timeout_seconds
        self._inbox = inbox.encode() + b"."
        self._counter = 0
        self._waiting: dict[bytes, tuple[float, Settled]] = {}
        self._wire: Wire | None = None
        self._largest = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect, and keep connected.

        Raises:
            BrokerUnavailable: no server answers, or it refused.
        """
        wire = await self._connect()
        self._tasks = [
            asyncio.create_task(self._keep(wire), name="publisher-keep"),
            asyncio.create_task(self._watch(), name="publisher-watch"),
        ]

    async def close(self) -> None:
        """Leave; what waits is refused."""
        for task in self._tasks:
            await end(task)
        if self._wire is not None:
            self._wire.abort()
        self._lost()

    async def _connect(self) -> Wire:
        failure: Exception | None = None
        for uri in self._servers:
            wire = Wire(self._inbox, self._heard)
            try:
                await self._dial(wire, uri)
            except (OSError, TimeoutError, RuntimeError) as error:  # the last: of a socket that is closed already
                wire.abort()
                failure = error
                continue
            self._wire = wire
            return wire
        raise BrokerUnavailable(f"nats-server cannot be used: {failure}. Is it up? See HUB_NATS__URL.") from failure

    async def _dial(self, wire: Wire, uri: ParseResult) -> None:
        host, port = uri.hostname or "localhost", uri.port or DEFAULT_PORT
        async with asyncio.timeout(_CONNECT_SECONDS):
            await asyncio.get_running_loop().create_connection(lambda: wire, host, port)
            self._largest = await wire.greet(uri, self._name, self._tls)

    async def _keep(self, wire: Wire) -> None:
        while True:
            await wire.ended
            self._lost()
            wire = await self._reconnect()
            log.info("publisher.reconnected", name=self._name)

    async def _reconnect(self) -> Wire:
        while True:
            try:
                return await self._connect()
            except BrokerUnavailable:
                await asyncio.sleep(_PAUSE_SECONDS)

    def _lost(self) -> None:
        self._wire = None
        waiting, self._waiting = self._waiting, {}
        for _deadline, settled in waiting.values():
            tell(settled, BrokerUnavailable())

    async def _watch(self) -> None:
        """Refuse what waits too long, and notice a server that is gone without a word."""
        ticks = 0
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            ticks += 1
            self._expire(time.monotonic())
            if ticks % _PING_TICKS == 0 and self._wire is not None:
                self._wire.ping()

    def _expire(self, now: float) -> None:
        # In order of publication, therefore of their deadlines.
        late = []
        for token, (deadline, _settled) in self._waiting.items():
            if deadline > now:
                break
            late.append(token)
        for token in late:
            tell(self._waiting.pop(token)[1], BrokerUnavailable())

    def publish(self, subject: bytes, headers: bytes, body: bytes, settled: Settled) -> None:
        """Publish; `settled` is called when the event is stored, or when it is not.

        Args:
            subject: already escaped.
            headers: lines `name: value` with their ends, without the version line and the empty line.
            body: the data.
            settled: called exactly once, never before this method returns.

        Raises:
            BrokerUnavailable: there is no connection, or the server does not keep up.
            BodyTooLarge: the server takes no message of this size.
        """
        wire = self._wire
        if wire is None or not wire.writable:
            raise BrokerUnavailable
        block = len(HEADER_VERSION) + len(headers) + 2
        size = block + len(body)
        if size > self._largest:
            raise BodyTooLarge(f"The event has {size} bytes; the event store takes at most {self._largest}.")
        self._counter += 1
        token = b"%x" % self._counter
        self._waiting[token] = (time.monotonic() + self._timeout, settled)
        head = b"HPUB %b %b%b %d %d\r\n" % (subject, self._inbox, token, block, size)
        wire.send(b"%b%b%b\r\n%b\r\n" % (head, HEADER_VERSION, headers, body))

    def _heard(self, subject: bytes, headers: bytes, body: bytes) -> None:
        waiting = self._waiting.pop(subject[len(self._inbox) :], None)
        if waiting is not None:
            tell(waiting[1], outcome_of(body, headers))


def tell(settled: Settled, outcome: Receipt | HubError) -> None:
    """Hand over an outcome; a listener that fails must not take the connection, and with it all others, along."""
    try:
        settled(outcome)
    except Exception:
        log.exception("bug.caught", at="settlement of a publication")


def outcome_of(body: bytes, headers: bytes = b"") -> Receipt | HubError:
    """Read a JetStream acknowledgement: the receipt, or why the event is not stored."""
    if not body:
        status = headers.removeprefix(b"NATS/1.0").split(b"\r\n", 1)[0].strip().decode(errors="replace")
        return BrokerUnavailable(f"No stream takes this event ({status or 'no answer'}).")
    ack: dict[str, Any] = orjson.loads(body)
    problem = ack.get("error")
    if problem is None:
        return Receipt(ack["stream"], ack["seq"], ack.get("duplicate", False))
    if problem.get("err_code") in _FULL:
        return BrokerUnavailable(
            "The event store is full; nothing unread is discarded, so new events must wait.",
            full=True,
            retry_after_seconds=5,
        )
    return BrokerUnavailable(f"The event store refused: {problem.get('description', 'unknown reason')}.")
