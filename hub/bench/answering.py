"""The other side of what is measured, where it is a server: HTTP/1.1 with Content-Length, as cheap as can be."""

import asyncio
from collections.abc import Callable

from hub.bench.wire import END, head_of

Answer = Callable[[bytes, bytes], bytes]
"""Takes the head of a request in lower case, and its body; returns the whole response."""


def json_response(body: bytes) -> bytes:
    """Return a response of status 200."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class Answering(asyncio.Protocol):
    """One connection of who calls; requests are answered in their order."""

    def __init__(self, answer: Answer) -> None:
        """Prepare."""
        self._answer = answer
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
            self._transport.write(self._answer(head, self._received[self._received.find(END) + len(END) : length]))
            self._received = self._received[length:]
            head, length = head_of(self._received)
