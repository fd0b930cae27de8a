"""One HTTP/1.1 connection to a target: bytes out, bytes in, neither changed nor collected beyond a bound.

A general client changes what passes: it resolves dots in paths, escapes quotes in queries, cannot read headers that are
not ASCII. A gateway must not, so this one writes what it is given and hands on what comes. Reading stops while nobody
takes what has come, writing waits while the target does not take it.
"""

import asyncio
from dataclasses import dataclass
from typing import cast

import httptools

from hub.kernel.errors import UpstreamUnavailable

HEAD_LIMIT_BYTES = 64 * 1024
_UNTAKEN_BYTES = 256 * 1024
_FRAMED = (b"content-length", b"transfer-encoding")


@dataclass(slots=True)
class Head:
    """The head of an answer."""

    status: int
    headers: list[tuple[bytes, bytes]]


class Connection(asyncio.Protocol):
    """Carries one exchange at a time: `begin`, `write` what is left of the body, `head`, `read` until it is empty."""

    def __init__(self) -> None:
        """Prepare; the event loop connects."""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._writable: asyncio.Future[None] | None = None
        self._failure: UpstreamUnavailable | None = None
        self.is_used = False
        """Whether it carried an exchange before the present one."""
        self.idle_since = 0.0
        self._reset(bodiless=False)

    def _reset(self, *, bodiless: bool) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._head: asyncio.Future[Head] | None = None
        self._arrived: asyncio.Future[None] | None = None
        self._chunks: list[bytes] = []
        self._untaken = 0
        self._received = 0
        self._is_bodiless = bodiless
        self._is_begun = False
        self._is_paused = False
        self._keeps_alive = False
        self._is_followed = False
        self.is_complete = False

    @property
    def is_open(self) -> bool:
        """Say whether a request can be written."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def is_reusable(self) -> bool:
        """Say whether another exchange can follow: this one has ended, and both sides keep the connection."""
        return self.is_complete and self._keeps_alive and not self._is_followed and self.is_open

    @property
    def answered(self) -> "asyncio.Future[Head]":
        """Return the future of the answer's head."""
        assert self._head is not None  # noqa: S101 - `begin` comes first
        return self._head

    def begin(self, request: bytes, *, bodiless: bool = False) -> None:
        """Write a request, or its head and the beginning of its body.

        Args:
            request: as it goes over the wire.
            bodiless: whether no body follows the head of the answer, whatever that says (`HEAD`).

        Raises:
            UpstreamUnavailable: the connection has been closed meanwhile.
        """
        if self._transport is None or self._transport.is_closing():
            raise UpstreamUnavailable("the target closed the connection", reason="connection", begun=False)
        self._reset(bodiless=bodiless)
        self._parser = httptools.HttpResponseParser(self)
        self._head = self._loop.create_future()
        self._transport.write(request)

    async def write(self, part: bytes) -> None:
        """Write more of the body, as fast as the target takes it."""
        if self._transport is None or self._transport.is_closing():
            raise self._failure or UpstreamUnavailable("the target closed the connection", reason="connection")
        self._transport.write(part)
        if self._writable is not None:
            await self._writable

    async def head(self, seconds: float) -> Head:
        """Wait for the head of the answer.

        Raises:
            UpstreamUnavailable: there is none, in time or at all; the field `begun` says whether a part of it came.
        """
        answered = self.answered
        timer = self.limit(seconds)
        try:
            return await answered
        finally:
            timer.cancel()

    def limit(self, seconds: float) -> asyncio.TimerHandle:
        """End the exchange after these seconds; whoever gets the head of the answer before cancels that."""
        return self._loop.call_later(max(0.0, seconds), self._expire, "the target did not answer in time")

    async def read(self, seconds: float) -> bytes:
        """Return what has come of the body since the last time; empty at its end.

        Raises:
            UpstreamUnavailable: it was cut off, or stood still for longer than these seconds.
        """
        if not self._chunks and not self.is_complete and self._failure is None:
            self._arrived = self._loop.create_future()
            timer = self._loop.call_later(seconds, self._expire, f"the answer stood still for {seconds:g} s")
            try:
                await self._arrived
            finally:
                timer.cancel()
                self._arrived = None
        return self.take()

    def peek(self) -> bytes:
        """Return what has come of the body and leave it to be taken."""
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    def take(self) -> bytes:
        """Return what has come of the body, without waiting."""
        if not self._chunks:
            if self._failure is not None:
                raise self._failure
            return b""
        taken = self.peek()
        self._chunks.clear()
        self._untaken = 0
        if self._is_paused and self._transport is not None and not self._transport.is_closing():
            self._is_paused = False
            self._transport.resume_reading()
        return taken

    def close(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports only behave like one

    def data_received(self, data: bytes) -> None:
        """Read a part of the answer; what nobody asked for closes the connection."""
        if self._parser is None or self.is_complete:
            self.close()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.fail("the target's answer is not HTTP")
            return
        if not self._is_begun and self._received > HEAD_LIMIT_BYTES:
            self.fail(f"the head of the target's answer is longer than {HEAD_LIMIT_BYTES} bytes")

    def on_message_begin(self) -> None:
        """What follows a whole answer is the answer to nothing: it is passed over, and the connection not kept."""
        self._is_followed = self.is_complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header; trailers, which come after the body, are passed over."""
        if not self._is_begun:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Hand on the head, unless it is provisional."""
        assert self._parser is not None and self._head is not None  # noqa: S101 - set by `begin`
        status = self._parser.get_status_code()
        if status < 200:
            return
        if self._is_followed:
            return
        self._is_begun = True
        self._keeps_alive = self._parser.should_keep_alive()
        self.is_complete = self._is_bodiless
        if not self._head.done():
            self._head.set_result(Head(status, self._headers))

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body until it is taken; too much of it stops reading."""
        if self.is_complete:
            return
        self._chunks.append(body)
        self._untaken += len(body)
        if self._untaken > _UNTAKEN_BYTES and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        """End the exchange; after a provisional head (1xx) the real one follows."""
        if not self._is_begun:
            self._headers = []
            return
        self.is_complete = True
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """End the exchange: a body without a length ends here, any other was cut off."""
        self._release_writer()
        if self.is_complete or self._parser is None:
            return
        if self._is_begun and error is None and not any(name in _FRAMED for name, _ in self._headers):
            self.is_complete = True
            self._wake()
        elif self._is_begun:
            self.fail("the target closed the connection in the middle of its answer")
        else:
            self.fail("the target closed the connection without an answer")

    def pause_writing(self) -> None:
        """The target is slow: whoever writes waits."""
        if self._writable is None:
            self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """The target has taken enough."""
        self._release_writer()

    def _release_writer(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    def _expire(self, text: str) -> None:
        self.fail(text, "timeout")

    def fail(self, text: str, reason: str = "connection") -> None:
        """End the exchange with an error, for whoever waits, and close the connection."""
        self._failure = UpstreamUnavailable(text, reason=reason, begun=self._received > 0)
        if self._head is not None and not self._head.done():
            self._head.set_exception(self._failure)
        self._wake()
        self.close()
