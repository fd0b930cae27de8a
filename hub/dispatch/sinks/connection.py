"""One outgoing HTTP/1.1 connection: a request out, an answer in, within bounds of time and size."""

import asyncio
from typing import cast

import httptools

from hub.kernel.errors import UpstreamUnavailable
from hub.kernel.http.client import EXCERPT_BYTES, Reply

_BODY_LIMIT_BYTES = 64 * 1024
"""Past this the answer is taken for given and the connection closed: only its status and beginning matter."""
_HEAD_LIMIT_BYTES = 64 * 1024
_KEPT = {b"retry-after": "retry-after", b"content-type": "content-type", b"location": "location"}
_FRAMED = frozenset({b"content-length", b"transfer-encoding"})


class Connection(asyncio.Protocol):
    """Carries one exchange at a time."""

    def __init__(self) -> None:
        """Prepare; the event loop connects."""
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[Reply] | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self.idle_since = 0.0
        self.is_reusable = False

    @property
    def is_open(self) -> bool:
        """Say whether a request can be written."""
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, parts: tuple[bytes, bytes], seconds: float) -> Reply:
        """Write head and body of a request and wait for its answer.

        Raises:
            UpstreamUnavailable: the connection ended before the answer did; the field `begun` says whether a part of
                the answer had come.
            TimeoutError: the answer did not end in time; the connection is closed.
        """
        loop = asyncio.get_running_loop()
        if self._transport is None or self._transport.is_closing():
            raise UpstreamUnavailable("The connection was closed.", reason="connection", begun=False)
        self._begin(loop.create_future())
        expiry = loop.call_later(max(0.0, seconds), self._expire)
        try:
            self._transport.writelines(parts)
            assert self._answered is not None  # noqa: S101 - narrows the type for the checker
            return await self._answered
        except BaseException:
            self._transport.abort()
            raise
        finally:
            expiry.cancel()
            self._answered = None

    def _begin(self, answered: asyncio.Future[Reply]) -> None:
        self._answered = answered
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._excerpt = b""
        self._received = 0
        self._status = 0
        self._is_framed = False
        self.is_reusable = False

    def _expire(self) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(TimeoutError())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports only behave like one

    def data_received(self, data: bytes) -> None:
        """Read a part of the answer; what nobody asked for closes the connection."""
        if self._answered is None or self._answered.done() or self._parser is None:
            self.close()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail("The answer is not HTTP.")
        if not self._status and self._received > _HEAD_LIMIT_BYTES:
            self._fail("The answer's headers do not end.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header, where it matters."""
        lowered = name.lower()
        if lowered in _KEPT:
            self._headers[_KEPT[lowered]] = value.decode("latin-1")
        elif lowered in _FRAMED:
            self._is_framed = True

    def on_headers_complete(self) -> None:
        """Note the status."""
        assert self._parser is not None  # noqa: S101 - narrows the type for the checker
        self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """Keep the beginning of the body; too long a one ends the exchange."""
        if len(self._excerpt) < EXCERPT_BYTES:
            self._excerpt += body[: EXCERPT_BYTES - len(self._excerpt)]
        if self._received > _BODY_LIMIT_BYTES:
            self._succeed()
            self.close()

    def on_message_complete(self) -> None:
        """End the exchange; after a provisional answer (1xx) the real one follows."""
        if self._status < 200:
            self._status, self._is_framed = 0, False
            return
        assert self._parser is not None  # noqa: S101 - narrows the type for the checker
        self.is_reusable = self._parser.should_keep_alive() and self.is_open
        self._succeed()

    def connection_lost(self, error: Exception | None) -> None:
        """End the exchange: an answer without a length ends here, any other was cut off."""
        if self._answered is None or self._answered.done():
            return
        if self._status >= 200 and not self._is_framed:
            self._succeed()
        elif self._received:
            self._fail("The connection was closed in the middle of the answer.")
        else:
            self._fail("The connection was closed without an answer.")

    def _succeed(self) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(Reply(self._status, self._headers, self._excerpt))

    def _fail(self, text: str) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(UpstreamUnavailable(text, reason="connection", begun=self._received > 0))

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.abort()
