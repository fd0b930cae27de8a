"""One uvicorn server per listener; the peer of each connection goes into the ASGI state.

Client certificates are optional at the handshake (pairing needs none); who presents one that the listener's
authorities did not sign is refused by the handshake itself. Sockets are shared (`SO_REUSEPORT`), so the same kind of
process may run several times side by side.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import uvicorn

from hub.kernel.errors import Misconfigured
from hub.kernel.http.direct import NO_DOORS, Doors
from hub.kernel.http.protocol import Protocol
from hub.kernel.settings import EdgeSettings, ListenerSettings


@dataclass(frozen=True, slots=True)
class Passage:
    """What a listener serves whose traffic is for others: nothing is routed here, and nothing added to answers."""

    app: Callable[..., Any]
    """The ASGI application; it gets every path and method."""
    upgraded: type[asyncio.Protocol]
    """Takes over connections that ask for WebSocket, beginning with the head of the request; made as uvicorn makes its
    own (`config`, `server_state`, `app_state`)."""
    protocol: type[Protocol] = Protocol
    """Of its connections."""


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
        proxies = settings.trusted_proxies if isinstance(settings, EdgeSettings) else ()
        own = {"doors": doors, "trusted_proxies": proxies, "bodies_are_timed": passage is None}
        config = uvicorn.Config(
            app.app if isinstance(app, Passage) else app,
            http=type("DoorProtocol", (passage.protocol if passage else Protocol,), own),
            ws=passage.upgraded if passage else "none",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=passage is None,
            headers=[] if passage else [("x-content-type-options", "nosniff")],
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
        self._sweeping: asyncio.Task[None] | None = None

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
        self._sweeping = asyncio.create_task(self._sweep(), name=f"sweep-{self.name}")

    async def _sweep(self) -> None:
        """End connections whose request does not come in: each holds a slot that others need."""
        limit = self.settings.receive_seconds
        while True:
            await asyncio.sleep(min(1.0, limit / 4))
            for connection in list(self._server.server_state.connections):
                if isinstance(connection, Protocol):
                    connection.end_if_late(limit)

    async def close(self) -> None:
        """Accept nothing new, finish what is in hand, close."""
        if self._task is None:
            return
        self._server.should_exit = True
        await self._task
        if self._sweeping is not None:
            self._sweeping.cancel()


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
