"""Who may use a listener of this side that is bound elsewhere than to loopback: who shows a workload's token.

On loopback every process of the machine is trusted, and nobody is asked. From elsewhere the token says who it is, so
that the network around the hub is not trusted as the machine is.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, cast

from hub.kernel.errors import NotAuthenticated
from hub.kernel.http.app import problem_response
from hub.kernel.http.direct import Call, Door
from hub.kernel.http.server import Passage
from hub.kernel.workload import HEADER, Workloads

_TOKEN_LINE = re.compile(rb"^%b:[ \t]*(\S+)[ \t]*\r?$" % HEADER, re.IGNORECASE | re.MULTILINE)
_REFUSED = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
App = Callable[..., Any]


def is_loopback(address: str) -> bool:
    """Say whether an address is on this machine; a name is not taken for one, but for `localhost`."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address == "localhost"
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


class Guard:
    """Asks callers from elsewhere who they are."""

    def __init__(self, listener: str, workloads: Workloads) -> None:
        """Take the listener's name, for the refusal, and what reads tokens."""
        self._listener = listener
        self._workloads = workloads

    def need(self, address: str, token: bytes | None) -> None:
        """Let a caller pass.

        Raises:
            NotAuthenticated: it is elsewhere and its token is nobody's, or it brings none.
        """
        if is_loopback(address):
            return
        if token is None:
            raise NotAuthenticated(
                f"The {self._listener} listener is open to other machines and asks who calls: send the header"
                f" {HEADER.decode()}; `hub token --workload SCOPE/NAME` makes one."
            )
        self._workloads.of(token)

    def door(self, door: Door) -> Door:
        """Return a door that leaves to the routes whom it must not let in; they refuse him."""

        def take(call: Call) -> bool:
            try:
                self.need(call.peer.address, dict(call.headers).get(HEADER))
            except NotAuthenticated:
                return False
            return door.take(call)

        return replace(door, take=take)

    def app(self, app: App) -> App:
        """Return an application that refuses strangers before anything is routed."""

        async def guarded(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                try:
                    self.need((scope.get("client") or ("",))[0], dict(scope["headers"]).get(HEADER))
                except NotAuthenticated as error:
                    await problem_response(error)(scope, receive, send)
                    return
            await app(scope, receive, send)

        return guarded

    def passage(self, passage: Passage) -> Passage:
        """Return a passage that refuses strangers, those who ask for WebSocket too.

        Its connections are of the ordinary protocol, for all its requests must pass its application.
        """
        return Passage(self.app(passage.app), self._upgraded(passage.upgraded))

    def _upgraded(self, upgraded: type[asyncio.Protocol]) -> type[asyncio.Protocol]:
        guard = self

        class Guarded(upgraded):  # type: ignore[valid-type,misc]  # the class is known only here
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self._guarded: asyncio.Transport | None = cast("asyncio.Transport", transport)
                super().connection_made(transport)

            def data_received(self, data: bytes) -> None:
                if self._guarded is not None:  # the first of it is the head of the request
                    transport, self._guarded = self._guarded, None
                    found = _TOKEN_LINE.search(data.partition(b"\r\n\r\n")[0])
                    try:
                        guard.need((transport.get_extra_info("peername") or ("",))[0], found[1] if found else None)
                    except NotAuthenticated:
                        transport.write(_REFUSED)
                        transport.close()
                        return
                super().data_received(data)

        return Guarded
