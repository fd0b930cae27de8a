"""The receivers of the drill: one HTTP server that writes down what arrives, and fails, hangs and lies where told to.

Each Subscription has a path of its own, `/<subscription>`, and a mood.
"""

import asyncio
import os
import signal
from contextlib import suppress
from itertools import cycle
from typing import Literal

from hub.drill.books import Books
from hub.drill.events import HOPELESS, TO_FUNCTION

Mood = Literal["well", "fail", "hang", "lie"]
READ_BYTES = 256 * 1024
TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
AWAY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
NEVER = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
SOON = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
LIES = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\nno!\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\nthere is more to come",
    b"I took it, believe me\r\n\r\n",
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1000000\r\nContent-Length: 0\r\n\r\n",
    b"",
)
"""What a receiver says that has taken the event: that it has not, half of an answer, no HTTP, `come again in twelve
days`, nothing at all. Whoever believes it delivers again; nothing may be lost by it."""


class Receivers:
    """All receivers of the drill."""

    def __init__(self, books: Books) -> None:
        """Prepare; `start` serves."""
        self._books = books
        self._moods: dict[str, Mood] = {HOPELESS: "fail"}
        self._lies = cycle(LIES)
        self._kill_next_caller = False
        self._server: asyncio.Server | None = None
        self.killed = 0
        self.port = 0

    async def start(self) -> None:
        """Serve on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=READ_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Serve no more."""
        if self._server is not None:
            self._server.close()

    def feel(self, subscription: str, mood: Mood) -> None:
        """Set the mood of a receiver."""
        self._moods[subscription] = mood

    def kill_next_caller(self) -> None:
        """Kill the Function's process when it reports its next event, before that is answered."""
        self._kill_next_caller = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path, headers = _read_head(head)
                await reader.readexactly(int(headers.get("content-length", "0")))
                if not await self._take(path, headers, writer):
                    break
        writer.close()

    async def _take(self, subscription: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> bool:
        """Take an event as the mood has it; return whether the connection goes on."""
        identifier = headers.get("ce-id", "")
        mood = self._moods.get(subscription, "well")
        if subscription == TO_FUNCTION and self._killed(headers.get("pid", "")):
            return False
        event = self._books.posted.get(identifier)
        if mood == "lie":
            self._books.arrive(subscription, identifier, kept=not (event and event.poisoned))
            writer.write(next(self._lies))
            return False
        if mood == "hang":
            self._books.arrive(subscription, identifier, kept=False)
            while self._moods.get(subscription) == "hang":  # noqa: ASYNC110 - a mood of many receivers is no event
                await asyncio.sleep(0.05)
            return False
        answer = self._answer(subscription, mood, poisoned=event is not None and event.poisoned)
        self._books.arrive(subscription, identifier, kept=answer in (TAKEN, SOON))
        writer.write(answer)
        return True

    def _answer(self, subscription: str, mood: Mood, *, poisoned: bool) -> bytes:
        if subscription == TO_FUNCTION:
            return SOON
        if mood == "fail":
            return AWAY
        return NEVER if poisoned else TAKEN

    def _killed(self, pid: str) -> bool:
        """Kill the calling Function if that is due; it waits for an answer, so the pid is its own."""
        if not self._kill_next_caller or not pid.isdigit():
            return False
        self._kill_next_caller = False
        self.killed += 1
        os.kill(int(pid), signal.SIGKILL)
        return True


def _read_head(head: bytes) -> tuple[str, dict[str, str]]:
    """Return the path without its slash, and the headers."""
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return first.split(" ")[1].lstrip("/"), {name.strip().lower(): value.strip() for name, _, value in pairs}
