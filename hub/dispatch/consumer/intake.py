"""Events and replies from the socket to whoever takes them, without the stations in between.

nats-py finds each message with several regular expressions, wraps it, puts it into a queue and wakes a task. Here it is
cut out of what was received and handed over at once. Whatever is no plain message of a subscription that asked for it -
replies to requests, statuses, everything of the protocol - goes nats-py's own way, over the same connection.

Source: docs.nats.io/reference/reference-protocols/nats-protocol.
"""

from collections.abc import Callable
from typing import NamedTuple

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.protocol.parser import AWAITING_MSG_PAYLOAD, Parser

log = structlog.get_logger()
_LINE, _MESSAGES = b"\r\n", (b"HMSG ", b"MSG ")
_HEADERS = b"NATS/1.0\r\n"
"""The first line of a header block that holds no status."""


class Arrival(NamedTuple):
    """A message as it came in; looks to its receiver like nats-py's own."""

    subject: str
    reply: str
    data: bytes
    headers: dict[str, str] | None


Message = Arrival | Msg
Take = Callable[[Message], None]


class Intake(Parser):
    """Reads what one connection receives, in the place of nats-py's parser."""

    def __init__(self, client: Client) -> None:
        """Take the place of the parser, in the middle of a message if need be."""
        super().__init__(client)
        self._before: Parser | None = client._ps
        self._headers_of: Callable[[bytes], dict[str, str]] = client._parse_header_lines
        self._takers: dict[bytes, Take] = {}
        client._ps = self

    def attach(self, subscription: int, take: Take) -> None:
        """Hand plain messages of a subscription, by its number, to a function that does not wait."""
        self._takers[b"%d" % subscription] = take

    def detach(self, subscription: int) -> None:
        """Leave the messages of a subscription to nats-py again."""
        self._takers.pop(b"%d" % subscription, None)

    def reset(self) -> None:
        """Begin anew, with a new connection."""
        super().reset()
        self._before = None
        self._least = 0
        """How many bytes there must be before it is worth looking again."""

    async def parse(self, data: bytes = b"") -> None:
        """Take what was received; a message that is not whole yet waits for its rest."""
        if self._before is not None:
            if self._before.state == AWAITING_MSG_PAYLOAD:  # it ends what it began
                await self._before.parse(data)
                return
            self.buf, self._before = self._before.buf, None
        if self.buf:
            self.buf += data
            if len(self.buf) < self._least:
                return
            data = bytes(self.buf)
            self.buf.clear()
        position = self._least = 0
        while (end := data.find(_LINE, position)) >= 0:
            start = stop = end + 2
            if data.startswith(_MESSAGES, position):
                words = data[position:end].split()
                stop = start + int(words[-1]) + 2
                if len(data) < stop:
                    self._least = stop - position
                    break
                await self._message(words, data, start, stop - 2)
            else:
                await super().parse(data[position:stop])
            position = stop
        self.buf += data[position:]

    async def _message(self, words: list[bytes], data: bytes, start: int, stop: int) -> None:
        headed = words[0] == b"HMSG"
        reply = words[3] if len(words) > 4 + headed else b""
        body = start + int(words[-2]) if headed else start
        take = self._takers.get(words[2])
        if take is None or (headed and not data.startswith(_HEADERS, start)):
            headers = data[start:body] if headed else None
            await self.nc._process_msg(int(words[2]), words[1], reply, data[body:stop], headers)
            return
        found = self._headers_of(data[start + len(_HEADERS) : body]) if headed else None
        try:
            take(Arrival(words[1].decode(), reply.decode(), data[body:stop], found))
        except Exception:  # one message must not end the reading of all others
            log.exception("bug.caught", at="intake of messages")
