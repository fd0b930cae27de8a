"""The body of a request on its way to the target: whole when it is short, else in parts as they come."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from hub.gateway.rewriting import Headers
from hub.kernel.errors import InvalidInput

Receive = Callable[[], Awaitable[Any]]


class Body:
    """Reads up to a bound before the call, so that a short body can be sent again."""

    def __init__(self, receive: Receive, headers: Headers) -> None:
        """Take what gives the parts; nothing is read yet."""
        self.receive = receive
        names = dict(headers)
        length = names.get(b"content-length", b"").strip()  # blanks may follow it, and the parser leaves them
        self._length = int(length) if length.isdigit() else None
        self._is_framed = self._length is not None or b"transfer-encoding" in names
        self.beginning = b""
        self.is_whole = not self._is_framed
        self.is_kept = False
        """Whether all of it stays in memory, so that it can be sent again."""

    @classmethod
    def whole(cls, receive: Receive, headers: Headers, content: bytes) -> "Body":
        """Return a body that has come already."""
        body = cls(receive, headers)
        body.beginning, body.is_whole, body.is_kept = content, True, True
        return body

    async def load(self, limit_bytes: int) -> None:
        """Read the beginning: all of a body within the limit."""
        if self._length is None or self._length <= limit_bytes:
            while not self.is_whole and len(self.beginning) <= limit_bytes:
                self.beginning += await self._part()
        self.is_kept = self.is_whole

    async def _part(self) -> bytes:
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise InvalidInput("the caller left before the end of the body")
        self.is_whole = not message.get("more_body", False)
        return bytes(message.get("body", b""))

    def framing(self) -> Headers:
        """Return the header that says how long the body is."""
        if not self._is_framed:
            return []
        if self.is_whole:
            return [(b"content-length", str(len(self.beginning)).encode())]
        if self._length is not None:
            return [(b"content-length", str(self._length).encode())]
        return [(b"transfer-encoding", b"chunked")]

    def start(self) -> bytes:
        """Return the beginning as it goes over the wire."""
        return self._wired(self.beginning) if self.beginning else b""

    async def rest(self) -> AsyncIterator[bytes]:
        """Give the parts that follow the beginning, as they go over the wire; the caller's pace is kept."""
        is_chunked = not self.is_whole and self._length is None
        while not self.is_whole:
            part = await self._part()
            if part:
                yield b"%x\r\n%b\r\n" % (len(part), part) if is_chunked else part
        if is_chunked:
            yield b"0\r\n\r\n"

    def _wired(self, part: bytes) -> bytes:
        is_chunked = not self.is_whole and self._length is None
        return b"%x\r\n%b\r\n" % (len(part), part) if is_chunked else part
