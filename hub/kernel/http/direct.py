"""Requests answered without ASGI: for the one path whose cost per request decides.

A listener may have doors: functions that look at a whole small request and either take it, answering now or later, or
leave it. What is left goes to the routes as if nothing had been, so a door holds the plain case only and refuses
nothing. Measured on one core, ASGI with routing and its Request and Response objects costs more than all that ingress
does with an event.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from hub.kernel.identity import Peer

ANY = b"*"
PATHS_KEPT = 10_000
Headers = list[tuple[bytes, bytes]]
"""Lower-case names and values, in order."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where and how requests are taken directly."""

    path: tuple[bytes, ...]
    """Segments after the first slash; `ANY` stands for any one."""
    limit_bytes: int
    """Larger bodies, and those of unknown length, go to the routes."""
    take: "Callable[[Call], bool]"
    """Returns True when it has taken the request and will answer it."""


class Doors:
    """The doors of one listener, found by path."""

    def __init__(self, doors: tuple[Door, ...] = ()) -> None:
        """Take the doors; what is found is kept, for the same paths come again and again."""
        self._doors = doors
        self._found: dict[bytes, Door | None] = {}

    def find(self, url: bytes) -> Door | None:
        """Return the door of a path; none for paths with a query or escapes."""
        if url in self._found:
            return self._found[url]
        if len(self._found) >= PATHS_KEPT:
            self._found.clear()
        found = self._found[url] = next((door for door in self._doors if _leads_to(door, url)), None)
        return found


def _leads_to(door: Door, url: bytes) -> bool:
    segments = url.split(b"/")[1:]
    if not url.isascii() or b"%" in url or b"?" in url or len(door.path) != len(segments):
        return False
    pairs = zip(door.path, segments, strict=True)
    return all(given == wanted or (wanted == ANY and given) for wanted, given in pairs)


NO_DOORS = Doors()


class _Heedless:
    """Stands in for the event that wakes an ASGI application: a call has none to wake."""

    def set(self) -> None:
        """Do nothing."""


_HEEDLESS = _Heedless()


class Call:
    """One request that a door may take; stands where the connection keeps its current request."""

    __slots__ = (
        "_finish", "body", "connection", "disconnected", "door", "headers", "keep_alive", "message_event", "peer",
        "response_complete", "url",
    )  # fmt: skip
    connection: Any
    """uvicorn's protocol of the connection, for who answers part by part instead of by `answer`."""

    def __init__(self, door: Door, url: bytes, headers: Headers, peer: Peer, keep_alive: bool) -> None:
        """Begin with the head of the request; the body follows."""
        self.door = door
        self.url = url
        self.headers = headers
        self.peer = peer
        self.keep_alive = keep_alive
        self.body = b""
        self.disconnected = False
        self.response_complete = False
        self.message_event: Any = _HEEDLESS
        self._finish: Callable[[Call, bytes, bytes], None] | None = None

    def begin(self, finish: "Callable[[Call, bytes, bytes], None]") -> bool:
        """Offer the whole request to its door."""
        self._finish = finish
        return self.door.take(self)

    def answer(self, head: bytes, body: bytes = b"") -> None:
        """Answer; once.

        Args:
            head: the status line and headers, each with its line end, without the empty line.
            body: the body; its length must stand in the head.
        """
        if self._finish is not None:
            finish, self._finish = self._finish, None
            finish(self, head, body)

    def respond(self, response: Response) -> None:
        """Answer with a response as the routes make them."""
        status = response.status_code
        lines = b"".join(b"%b: %b\r\n" % pair for pair in response.raw_headers)
        reason = HTTPStatus(status).phrase.encode()
        self.answer(b"HTTP/1.1 %d %b\r\n%b" % (status, reason, lines), bytes(response.body))


def length_of(headers: Headers) -> int | None:
    """Return the length of the body that follows; None when it is chunked, unknown, or waits for a `100 Continue`."""
    length = None
    for name, value in headers:
        if name == b"content-length":
            length = int(value) if value.isdigit() else None
        elif name in {b"transfer-encoding", b"expect", b"upgrade", b"content-encoding"}:
            return None
    return length
