"""The publisher's side of the NATS protocol: one connection that only publishes and hears acknowledgements.

It speaks what that takes - INFO, CONNECT, SUB of one inbox, HPUB, MSG and HMSG, PING and PONG - and leaves everything
else to nats-py. Lines to send are gathered and written once per turn of the event loop.

Source: docs.nats.io/reference/reference-protocols/nats-protocol.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import ParseResult, unquote

import orjson

from hub.kernel.logger import log

_LINE = b"\r\n"
HEADER_VERSION = b"NATS/1.0\r\n"
DEFAULT_PORT = 4222
Heard = Callable[[bytes, bytes, bytes], None]
"""Subject, header block (empty without one) and body of a message on the inbox."""


class Wire(asyncio.Protocol):
    """One connection with one server, from its greeting to its end."""

    def __init__(self, inbox: bytes, heard: Heard) -> None:
        """Prepare; `greeted` and `ended` tell how far the connection is."""
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._inbox = inbox
        self._heard = heard
        self._rest = b""
        self._lines: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self.greeted: asyncio.Future[dict[str, Any]] = loop.create_future()
        self.answered: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.last_error = ""
        self.unanswered_pings = 0
        self.writable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; called again after the upgrade to TLS."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=4 * 1024 * 1024)

    def connection_lost(self, error: Exception | None) -> None:
        """End whatever waits for this connection."""
        for waiting in (self.greeted, self.answered):
            if not waiting.done():
                waiting.set_exception(error or ConnectionError(self.last_error or "the server closed the connection"))
                waiting.exception()  # may be looked at by nobody: the connection ended while none waited
        if not self.ended.done():
            self.ended.set_result(None)

    def pause_writing(self) -> None:
        """Take no more events until the server reads on."""
        self.writable = False

    def resume_writing(self) -> None:
        """Take events again."""
        self.writable = True

    async def greet(self, uri: ParseResult, name: str, tls: ssl.SSLContext | None = None) -> int:
        """Answer the server's greeting and subscribe to the inbox; returns the largest message it takes, in bytes."""
        info = await self.greeted
        if tls is not None or uri.scheme == "tls" or info.get("tls_required"):
            await self._upgrade(uri.hostname or "localhost", tls or ssl.create_default_context())
        self.send(b"CONNECT " + orjson.dumps(_hello(uri, name)) + _LINE)
        self.send(b"SUB " + self._inbox + b"* 1" + _LINE + b"PING" + _LINE)
        await self.answered
        return int(info.get("max_payload", 1024 * 1024))

    async def _upgrade(self, host: str, context: ssl.SSLContext) -> None:
        assert self._transport is not None  # noqa: S101 - the greeting came over it
        secured = await self._loop.start_tls(self._transport, self, context, server_hostname=host)
        if secured is None:
            raise ConnectionError("the connection ended during the TLS handshake")
        self.connection_made(secured)

    def send(self, line: bytes) -> None:
        """Write at the end of this turn of the event loop."""
        if not self._lines:
            self._loop.call_soon(self._flush)
        self._lines.append(line)

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(lines))

    def ping(self) -> None:
        """Ask the server for a sign of life; whoever left two unanswered is given up."""
        if self.unanswered_pings >= 2:
            self.last_error = "the server answers no more"
            self.abort()
            return
        self.unanswered_pings += 1
        self.send(b"PING" + _LINE)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take what the server says; a message that is not whole yet waits for its rest."""
        if self._rest:
            data = self._rest + data
        position, length = 0, len(data)
        while position < length:
            end = data.find(_LINE, position)
            if end < 0:
                break
            start = end + 2
            verb = data[position : position + 3]
            if verb in {b"MSG", b"HMS"}:
                words = data[position:end].split(b" ")
                stop = start + int(words[-1])
                if length < stop + 2:
                    break
                headed = start + (int(words[-2]) if verb == b"HMS" else 0)
                self._heard(words[1], data[start:headed], data[headed:stop])
                position = stop + 2
                continue
            self._obey(verb, data[position:end])
            position = start
        self._rest = data[position:]

    def _obey(self, verb: bytes, line: bytes) -> None:
        if verb == b"PIN":
            self.send(b"PONG" + _LINE)
        elif verb == b"PON":
            self.unanswered_pings = 0
            if not self.answered.done():
                self.answered.set_result(None)
        elif verb == b"INF" and not self.greeted.done():
            self.greeted.set_result(orjson.loads(line[5:]))
        elif verb == b"-ER":
            self.last_error = line[5:].decode(errors="replace").strip("'")
            log.warning("publisher.refused", error=self.last_error)


def _hello(uri: ParseResult, name: str) -> dict[str, Any]:
    """Return the CONNECT options; credentials come from the URL, a lone user name is a token."""
    hello: dict[str, Any] = {
        "name": name,
        "lang": "python",
        "version": "1",
        "protocol": 1,
        "verbose": False,
        "pedantic": False,
        "headers": True,
        "no_responders": True,
    }
    if uri.username and uri.password:
        return hello | {"user": unquote(uri.username), "pass": unquote(uri.password)}
    if uri.username:
        return hello | {"auth_token": unquote(uri.username)}
    return hello
