"""One uvicorn server per listener; the peer of each connection goes into the ASGI state.

Client certificates are optional at the handshake (pairing needs none); who presents one that the listener's
authorities did not sign is refused by the handshake itself. Sockets are shared (`SO_REUSEPORT`), so the same kind of
process may run several times side by side.
"""

import asyncio
import math
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hub.kernel.errors import Misconfigured
from hub.kernel.http.direct import NO_DOORS, Call, Door, Doors, length_of
from hub.kernel.identity import PEER, Peer
from hub.kernel.settings import ListenerSettings


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol that also tells who is at the other end, and lets doors take requests directly."""

    doors = Doors()
    """Set by the listener, in a class of its own."""
    peer: Peer
    cycle: Any
    """The current request: uvicorn's, or a `Call`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn itself
        """Put the peer into the state that every request of this connection gets."""
        super().connection_made(transport)
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        self.peer = Peer(certificate, self.client[0] if self.client else "")
        self.app_state = self.app_state | {PEER: self.peer}

    def on_headers_complete(self) -> None:
        """Begin a direct call where a door is; else go on to the routes."""
        door = self._door()
        if door is None:
            super().on_headers_complete()
        else:
            self.cycle = Call(door, self.url, self.headers, self.peer, self.parser.should_keep_alive())
        if not self.parser.should_upgrade():
            self.headers = []  # trailers are announced like headers; they must not join those of the request

    def _door(self) -> Door | None:
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy or self.parser.get_method() != b"POST" or len(self.connections) >= (self.limit_concurrency or math.inf):
            return None
        door = self.doors.find(self.url)
        if door is None or self.parser.get_http_version() != "1.1":
            return None
        length = length_of(self.headers)
        return door if length is not None and length <= door.limit_bytes else None

    def on_body(self, body: bytes) -> None:
        """Keep the body of a direct call."""
        if isinstance(self.cycle, Call):
            self.cycle.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Offer a whole direct call to its door; what the door leaves goes to the routes."""
        call = self.cycle
        if not isinstance(call, Call):
            super().on_message_complete()
        elif not call.begin(self._finish):
            self.cycle = None
            super().on_headers_complete()
            super().on_body(call.body)
            super().on_message_complete()

    def _finish(self, call: Call, answer: bytes) -> None:
        call.response_complete = True
        if call.disconnected or self.transport.is_closing():
            return
        defaults = self.server_state.default_headers
        lines = b"".join(b"%b: %b\r\n" % pair for pair in defaults)
        if not call.keep_alive:
            lines += b"connection: close\r\n"
        status, _, rest = answer.partition(b"\r\n")
        self.transport.write(b"%b\r\n%b%b" % (status, lines, rest))
        if not call.keep_alive:
            self.transport.close()
        self.on_response_complete()


@dataclass(frozen=True, slots=True)
class Passage:
    """What a listener serves whose traffic is for others: nothing is routed here, and nothing added to answers."""

    app: Callable[..., Any]
    """The ASGI application; it gets every path and method."""
    upgraded: type[asyncio.Protocol]
    """Takes over connections that ask for WebSocket, beginning with the head of the request; made as uvicorn makes its
    own (`config`, `server_state`, `app_state`)."""


class Listener:
    """A bound socket and the server on it."""

    def __init__(
        self,
        name: str,
        settings: ListenerSettings,
        app: "Callable[..., Any] | Passage",
        tls: Callable[[], ssl.SSLContext] | None = None,
        *,
        doors: Doors = NO_DOORS,
    ) -> None:
        """Prepare the listener; `open` binds and serves.

        Args:
            name: for messages: `edge`, `internal`, …
            settings: address and limits.
            app: the ASGI application, or the passage it opens.
            tls: gives the TLS context; None serves plain HTTP.
            doors: take requests before the application does.
        """
        self.name = name
        self.settings = settings
        self._socket: socket.socket | None = None
        passage = app if isinstance(app, Passage) else None
        config = uvicorn.Config(
            app.app if isinstance(app, Passage) else app,
            http=type("DoorProtocol", (Protocol,), {"doors": doors}),
            ws=passage.upgraded if passage else "none",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=passage is None,
            proxy_headers=False,
            backlog=2048,
            limit_concurrency=settings.concurrency,
            timeout_keep_alive=settings.keep_alive_seconds,
            timeout_graceful_shutdown=5,
            ssl_context_factory=(lambda _config, _default: tls()) if tls is not None else None,
        )
        self._scheme = "https" if tls is not None else "http"
        self._server = uvicorn.Server(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """Return the address as a URL."""
        port = self._socket.getsockname()[1] if self._socket else self.settings.port
        host = "localhost" if self.settings.host == "127.0.0.1" and self._scheme == "https" else self.settings.host
        return f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def port(self) -> int:
        """Return the bound port."""
        return int(self._socket.getsockname()[1]) if self._socket else self.settings.port

    async def open(self) -> None:
        """Bind and serve; returns when connections are accepted.

        Raises:
            Misconfigured: the port is taken.
        """
        self._socket = bind(self.name, self.settings)
        # uvicorn's own `serve` takes over the signals of the process, which several listeners share.
        self._task = asyncio.create_task(self._server._serve([self._socket]), name=f"listener-{self.name}")
        while not self._server.started:
            if self._task.done():
                await self._task
                raise Misconfigured(f"The {self.name} listener did not start.")
            await asyncio.sleep(0.001)

    async def close(self) -> None:
        """Accept nothing new, finish what is in hand, close."""
        if self._task is None:
            return
        self._server.should_exit = True
        await self._task


def bind(name: str, settings: ListenerSettings) -> socket.socket:
    """Return a bound socket that other processes of the same kind may share.

    Raises:
        Misconfigured: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "SO_REUSEPORT"):
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.setblocking(False)
    try:
        bound.bind((settings.host, settings.port))
    except OSError as error:
        bound.close()
        raise Misconfigured(
            f"The {name} listener cannot use {settings.host}:{settings.port} ({error.strerror}); free the port or set"
            f" HUB_{name.upper()}__PORT."
        ) from error
    return bound
