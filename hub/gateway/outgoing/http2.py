"""One HTTP/2 connection to a target that chose it; inside the gateway it looks like any other connection.

Requests come as they would go over an HTTP/1.1 wire and are read again here, so that everything before knows one form.
It carries one exchange at a time, as the others do: the pool's limit is the limit of calls, and no call waits behind
the long answer of another. A part of the answer is acknowledged when somebody has taken it, so a slow caller slows the
target down and nothing is collected beyond the window.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import httptools
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from hub.gateway.outgoing.connection import HEAD_LIMIT_BYTES, Connection, Head
from hub.kernel.errors import InvalidInput, UpstreamUnavailable

NAME = "h2"
"""As the TLS handshake names it."""
_WINDOW_BYTES = 256 * 1024
_UNSENT_BYTES = 256 * 1024
_UNREAD_BYTES = HEAD_LIMIT_BYTES + 32 * 1024
"""Most that may come without meaning anything yet; the library itself would wait for 16 MB of one frame."""
_OF_THE_CONNECTION = frozenset({b"host", b"transfer-encoding", b"connection"})


class _Read:
    """A request of ours, read again from the form it has on an HTTP/1.1 wire."""

    def __init__(self, on_body: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self.on_body, self.on_message_complete = on_body, on_end
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.parser = httptools.HttpRequestParser(self)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def pseudo(self) -> list[tuple[bytes, bytes]]:
        host = next(value for name, value in self.headers if name == b"host")
        return [
            (b":method", self.parser.get_method()), (b":scheme", b"https"), (b":authority", host), (b":path", self.url),
        ]  # fmt: skip


class Http2Connection(Connection):
    """Carries one exchange at a time over HTTP/2."""

    def __init__(self) -> None:
        """Prepare; nothing is sent before the connection is made."""
        super().__init__()
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        values = {
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW_BYTES,
            SettingCodes.MAX_HEADER_LIST_SIZE: HEAD_LIMIT_BYTES,
        }
        self._h2.local_settings = Settings(client=True, initial_values=values)
        self._stream = 0
        self._request: _Read | None = None
        self._unsent = bytearray()
        self._unacknowledged = 0
        self._is_read = self._is_sent = False
        self._is_leaving = False
        self._unread = 0

    @property
    def is_open(self) -> bool:
        """Say whether a request can be written."""
        return super().is_open and not self._is_leaving

    @property
    def is_reusable(self) -> bool:
        """Say whether another exchange can follow."""
        return self.is_complete and self._is_sent and self.is_open

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to speak."""
        super().connection_made(transport)
        self._h2.initiate_connection()
        self._flush()

    def begin(self, request: bytes, *, bodiless: bool = False) -> None:
        """Send a request, or its head and the beginning of its body."""
        if not self.is_open:
            raise UpstreamUnavailable("the target closed the connection", reason="connection", begun=False)
        self._reset(bodiless=bodiless)
        self._head = self._loop.create_future()
        self._unsent.clear()
        self._is_read = self._is_sent = False
        self._unacknowledged = 0
        self._request = _Read(self._unsent.extend, self._end)
        try:
            self._request.parser.feed_data(request)
            headers = [pair for pair in self._request.headers if pair[0] not in _OF_THE_CONNECTION]
            self._stream = self._h2.get_next_available_stream_id()
            self._is_sent = self._is_read and not self._unsent
            self._h2.send_headers(self._stream, [*self._request.pseudo(), *headers], end_stream=self._is_sent)
        except (H2Error, httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.close()
            raise InvalidInput("the method or a header of the request cannot be sent over HTTP/2") from error
        self._pump()

    def _end(self) -> None:
        self._is_read = True

    async def write(self, part: bytes) -> None:
        """Send more of the body, as fast as the target takes it."""
        if self._request is None or not super().is_open:
            raise self._failure or UpstreamUnavailable("the target closed the connection", reason="connection")
        self._request.parser.feed_data(part)
        self._pump()
        while len(self._unsent) > _UNSENT_BYTES and super().is_open:
            self._writable = self._writable or self._loop.create_future()
            await asyncio.shield(self._writable)

    def _pump(self) -> None:
        """Send as much of the body as the target allows at present."""
        while self._unsent and not self._is_sent:
            room = min(self._h2.local_flow_control_window(self._stream), self._h2.max_outbound_frame_size)
            if room <= 0:
                break
            part = bytes(self._unsent[:room])
            del self._unsent[:room]
            self._is_sent = self._is_read and not self._unsent
            self._h2.send_data(self._stream, part, end_stream=self._is_sent)
        if self._is_read and not self._is_sent and not self._unsent:
            self._is_sent = True
            self._h2.end_stream(self._stream)
        self._flush()
        if len(self._unsent) <= _UNSENT_BYTES:
            self._release_writer()

    def _flush(self) -> None:
        wanted = self._h2.data_to_send()
        if wanted and self._transport is not None and not self._transport.is_closing():
            self._transport.write(wanted)

    def pause_writing(self) -> None:
        """Leave it to the target's own window, which is smaller than what a transport buffers."""

    def take(self) -> bytes:
        """Return what has come of the body, and let the target send as much again."""
        taken = super().take()
        if self._unacknowledged and super().is_open:
            self._h2.acknowledge_received_data(self._unacknowledged, self._stream)
            self._unacknowledged = 0
            self._flush()
        return taken

    def data_received(self, data: bytes) -> None:
        """Read frames, of this exchange or of the connection."""
        try:
            events = self._h2.receive_data(data)
            self._unread = 0 if events else self._unread + len(data)
            if self._unread > _UNREAD_BYTES:
                self.fail("the target's answer is not HTTP")
            for event in events:
                self._handle(event)
            if self._unsent and not self.is_complete:
                self._pump()
            self._flush()
        except H2Error:
            self._flush()
            self.fail("the target's answer is not HTTP")

    def _handle(self, event: Event) -> None:
        if isinstance(event, ConnectionTerminated):
            self._leave(event)
        elif getattr(event, "stream_id", 0) == self._stream and self._head is not None:
            self._handle_own(event)
        elif isinstance(event, DataReceived):
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def _handle_own(self, event: Any) -> None:
        match event:
            case ResponseReceived():
                self._answer(event.headers)
            case DataReceived():
                self._received += len(event.data)
                self._unacknowledged += event.flow_controlled_length
                self.on_body(event.data)
            case StreamEnded():
                self.is_complete = True
                self._wake()
            case StreamReset() if not self.is_complete:
                refused = event.error_code == ErrorCodes.REFUSED_STREAM  # the target says that it has done nothing
                self.fail("the target refused the call" if refused else "the target broke the call off")
            case WindowUpdated() | RemoteSettingsChanged():
                pass  # what waits is sent when all that came is read

    def _answer(self, headers: list[tuple[bytes, bytes]]) -> None:
        self._received += 1
        self._is_begun = True
        status = int(dict(headers)[b":status"])
        passed = [pair for pair in headers if not pair[0].startswith(b":")]
        if self._head is not None and not self._head.done():
            self._head.set_result(Head(status, passed))

    def _leave(self, event: ConnectionTerminated) -> None:
        """Use the connection no more; an exchange that the target still answers goes on."""
        self._is_leaving = True
        is_unheard = event.last_stream_id is not None and event.last_stream_id < self._stream
        if self._head is not None and not self.is_complete and (is_unheard or event.error_code):
            self.fail("the target closed the connection without an answer")

    def connection_lost(self, error: Exception | None) -> None:
        """End the exchange: only a frame that says so is an end."""
        self._release_writer()
        if self._head is None or self.is_complete:
            return
        where = "in the middle of its answer" if self._is_begun else "without an answer"
        self.fail(f"the target closed the connection {where}")


class Negotiating(asyncio.Protocol):
    """Stands at a new connection until the handshake has said what is spoken."""

    chosen: Connection
    """There as soon as the connection is made."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand over; what comes next is the chosen one's already."""
        tls = transport.get_extra_info("ssl_object")
        self.chosen = Http2Connection() if tls and tls.selected_alpn_protocol() == NAME else Connection()
        cast("asyncio.Transport", transport).set_protocol(self.chosen)  # uvloop's transports only behave like one
        self.chosen.connection_made(transport)
