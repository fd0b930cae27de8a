"""The HTTP protocol of every listener: uvicorn's, with three things added.

It tells who is at the other end, lets doors take plain requests directly, and ends connections whose request does not
come in within its time.
"""

import asyncio
import math
import re
import ssl
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hub.kernel.http.direct import Call, Door, Doors, length_of
from hub.kernel.identity import PEER, Peer

MOST_HEAD_BYTES = 1024 * 1024
"""Of the head of a request, counted roughly; the parser itself would keep any."""
CYCLE = "hub.cycle"
"""Key in the state of a passage's requests: uvicorn's own object of the request, for who answers without ASGI."""
Networks = Sequence[IPv4Network | IPv6Network]
_OFFER = re.compile(rb"\r\nupgrade:[ \t]*h2c[ \t]*(?=\r\n[^ \t])", re.IGNORECASE)


class Protocol(HttpToolsProtocol):
    """One connection."""

    doors = Doors()
    """Set by the listener, in a class of its own."""
    trusted_proxies: Networks = ()
    """Set likewise: where proxies are that may speak for their callers."""
    bodies_are_timed = True
    """Set likewise: whether the time for receiving a request covers its body; a passage bounds that itself."""
    peer: Peer
    cycle: Any
    """The current request: uvicorn's, or a `Call`."""
    _head_bytes: int | None = 0
    """Received of a head that is not whole yet; None within a body."""
    _expected_since = 0.0
    """Loop time since which the request that is not whole yet is expected; 0 when none is."""
    _idle_since = 0.0
    """Loop time since which the connection waits for its next request; 0 when it does not."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn itself
        """Put the peer into the state that every request of this connection gets."""
        super().connection_made(transport)
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        address = self.client[0] if self.client else ""
        self.peer = Peer(certificate, address, within(address, self.trusted_proxies))
        self.app_state = self.app_state | {PEER: self.peer}
        self._expected_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Take bytes; refuse a head without end."""
        if self._head_bytes is not None and b"h2c" in data:
            data = _without_offer(data)
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
                self._refuse(b"431 Request Header Fields Too Large")

    def _refuse(self, status: bytes) -> None:
        self.transport.write(b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
        self.transport.close()

    def on_message_begin(self) -> None:
        """Note since when this request is coming in."""
        self._expected_since, self._idle_since = self.loop.time(), 0.0
        super().on_message_begin()

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for it: without a timer, for that costs more than all else here."""
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
            else:
                self._idle_since = self.loop.time()

    def end_if_late(self, limit_seconds: float) -> None:
        """Close the connection when its request takes longer than this to come in, or none comes for too long."""
        if self._idle_since and self.loop.time() - self._idle_since > self.timeout_keep_alive:
            self.timeout_keep_alive_handler()
        since = self._expected_since
        if since and self.loop.time() - since > limit_seconds and not self.transport.is_closing():
            self._refuse(b"408 Request Timeout")

    def on_headers_complete(self) -> None:
        """Begin a direct call where a door is; else go on to the routes."""
        self._head_bytes = None
        if self.parser.should_upgrade() and {b"content-length", b"transfer-encoding"} & dict(self.headers).keys():
            # The parser takes what follows for another protocol and would read the body as the next request.
            raise ValueError("a request with a body cannot ask for another protocol")
        door = self._door()
        if door is None:
            super().on_headers_complete()
        else:
            self.cycle = Call(door, self.url, self.headers, self.peer, self.parser.should_keep_alive())
            self.cycle.connection = self
        if not self.bodies_are_timed:
            self._expected_since = 0.0
            self.scope["state"][CYCLE] = self.cycle
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
        self._expected_since, self._head_bytes = 0.0, 0
        call = self.cycle
        if not isinstance(call, Call):
            super().on_message_complete()
        elif not call.begin(self._finish):
            self.cycle = None
            super().on_headers_complete()
            super().on_body(call.body)
            super().on_message_complete()

    def _finish(self, call: Call, head: bytes, body: bytes) -> None:
        call.response_complete = True
        if call.disconnected or self.transport.is_closing():
            return
        defaults = self.server_state.default_headers
        lines = b"".join([b"%b: %b\r\n" % pair for pair in defaults])
        if not call.keep_alive:
            lines += b"connection: close\r\n"
        status, _, rest = head.partition(b"\r\n")
        self.transport.write(b"%b\r\n%b%b\r\n%b" % (status, lines, rest, body))
        if not call.keep_alive:
            self.transport.close()
        self.on_response_complete()


def _without_offer(data: bytes) -> bytes:
    """Return the beginning of a request without the offer to go on in HTTP/2 in clear text, which nobody has to take.

    Java's `HttpClient` makes it with each first request; the parser would take the body for the other protocol.
    """
    end = data.find(b"\r\n\r\n") + 3
    end = end if end > 2 else len(data)
    return _OFFER.sub(b"", data[:end]) + data[end:]


def within(address: str, networks: Networks) -> bool:
    """Return whether an address lies in one of the networks; an IPv4 address may come in its IPv6 form."""
    if not networks or not address:
        return False
    found = ip_address(address.partition("%")[0])
    found = (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
    return any(found in network for network in networks)
