"""The target of calls through the gateway, a process of its own: `python -m hub.bench.target`; it says its port.

It answers a request that carries the credentials with the body of that request, any other with 401. Like the load it
must cost little: a raw protocol, one search for one header.
"""

import asyncio
import sys

from hub.bench.load import end_with_parent, say
from hub.bench.requests import AUTHORIZATION
from hub.bench.wire import END, head_of, value_of

_WANTED = AUTHORIZATION.lower().encode()
_REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"


class Answering(asyncio.Protocol):
    """One connection of who calls."""

    def __init__(self) -> None:
        """Prepare."""
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # a stream's transport, as create_server makes it

    def data_received(self, data: bytes) -> None:
        """Answer requests, or keep a part of one."""
        self._received += data
        head, length = head_of(self._received)
        while length and self._transport is not None:
            body = self._received[self._received.find(END) + len(END) : length]
            is_welcome = value_of(head, b"authorization") == _WANTED
            self._transport.write(_answer(body) if is_welcome else _REFUSED)
            self._received = self._received[length:]
            head, length = head_of(self._received)


def _answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def serve() -> int:
    """Serve until the parent ends."""
    end_with_parent()
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    say({"port": server.sockets[0].getsockname()[1]})
    await server.serve_forever()
    return 0


def main() -> int:
    """Serve; return the exit status."""
    from hub.bench.loops import run

    return run(serve())


if __name__ == "__main__":
    sys.exit(main())
