"""The HTTP sink, a process of its own: `python -m hub.bench.sink FOLDER [SECONDS]`; it says its port and writes
arrivals down. With seconds it takes that long for each answer.

While the gate is shut it takes requests and answers none: nothing fails and nothing is tried again, so that what
follows is delivery and not the end of a row of pauses. Like the load it must cost little: a raw protocol, one search
for two headers (or the JSON of a batch), records written in one go per tenth of a second.
"""

import asyncio
import os
import struct
import sys
import time
from pathlib import Path

import orjson

from hub.bench.journal import RECORD, Journal
from hub.bench.load import end_with_parent, say
from hub.bench.requests import SENT, number_of
from hub.bench.wire import END, head_of, value_of

Event = tuple[int, int]
"""Its number, and when its post was due."""
_BATCH, _SENT_HEADER = b"application/cloudevents-batch+json", f"ce-{SENT}".encode()
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
WRITE_SECONDS = 0.1
GATE_SECONDS = 0.005


class Sink:
    """What the connections share."""

    def __init__(self, journal: Journal, seconds: float = 0.0) -> None:
        """Prepare; the gate is shut until its file is there, and an answer takes so many seconds."""
        self._journal = journal
        self._seconds = seconds
        self._noted = bytearray()
        self._held: list[Receiving] = []
        self.open = False

    def take(self, connection: "Receiving", events: list[Event]) -> None:
        """Note an arrival and answer it, or keep it until the gate is open."""
        connection.requests.append(events)
        if self.open and self._seconds:
            asyncio.get_running_loop().call_later(self._seconds, self._answer, connection)
        elif self.open:
            self._answer(connection)
        else:
            self._held.append(connection)

    def _answer(self, connection: "Receiving") -> None:
        for events in connection.requests:
            connection.write(self.answer_to(events))
        connection.requests.clear()

    def answer_to(self, events: list[Event]) -> bytes:
        """Note the events of a request as taken, and return what is answered."""
        for number, due in events:
            self._noted += struct.pack(RECORD, number, due, time.monotonic_ns())
        return ANSWER

    async def follow_gate(self) -> None:
        """Answer what was kept as soon as the gate is open."""
        while not self._journal.gate.exists():  # noqa: ASYNC110 - the gate is a file of another process
            await asyncio.sleep(GATE_SECONDS)
        self.open = True
        for connection in self._held:
            self._answer(connection)
        self._held.clear()

    async def write(self) -> None:
        """Write down what arrived, again and again."""
        file = os.open(self._journal.records, os.O_WRONLY | os.O_APPEND)
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            if self._noted:
                os.write(file, self._noted)
                self._noted.clear()


class Receiving(asyncio.Protocol):
    """One connection of who delivers."""

    def __init__(self, sink: Sink) -> None:
        """Prepare."""
        self._sink = sink
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self.requests: list[list[Event]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # a stream's transport, as create_server makes it

    def data_received(self, data: bytes) -> None:
        """Take requests, or a part of one."""
        self._received += data
        head, length = head_of(self._received)
        while length:
            body = self._received[self._received.find(END) + len(END) : length]
            self._received = self._received[length:]
            self._sink.take(self, events_of(head, body))
            head, length = head_of(self._received)

    def write(self, answer: bytes) -> None:
        """Answer; a connection that has gone away gets no answer."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


def events_of(head: bytes, body: bytes) -> list[Event]:
    """Return the events of a request: one in binary mode, or a batch."""
    if value_of(head, b"content-type").startswith(_BATCH):
        return [(number_of(event["id"]), int(event[SENT])) for event in orjson.loads(body)]
    return [(number_of(value_of(head, b"ce-id").decode()), int(value_of(head, _SENT_HEADER)))]


async def serve(sink: Sink) -> int:
    """Serve until the parent ends."""
    end_with_parent()
    server = await asyncio.get_running_loop().create_server(lambda: Receiving(sink), "127.0.0.1", 0)
    say({"port": server.sockets[0].getsockname()[1]})
    await asyncio.gather(sink.follow_gate(), sink.write())
    return 0


def main() -> int:
    """Serve with the folder of the command line; return the exit status."""
    from hub.bench.loops import run

    return run(serve(Sink(Journal(Path(sys.argv[1])), *map(float, sys.argv[2:]))))


if __name__ == "__main__":
    sys.exit(main())
