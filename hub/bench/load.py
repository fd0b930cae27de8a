"""The load generator, a process of its own: `python -m hub.bench.load`, a plan on standard input, JSON lines out.

It must cost so little that it is not what is measured: raw protocols, prebuilt requests, one read of the answer's
head. Without a rate the loop is closed: each connection sends as soon as it is answered. With a rate it is open:
requests are due on a schedule, whatever the answers take, and their latency counts from the moment they were *due*;
a hub that stalls cannot hide that by slowing down its callers (coordinated omission).

Every answer is counted by its status, and what was never answered is counted too.
"""

import asyncio
import gc
import os
import ssl
import sys
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from hub.bench.figures import latency_of
from hub.bench.pacing import NANOSECONDS, Pacer
from hub.bench.plan import Plan
from hub.bench.wire import NotUnderstoodError, status_of

DRAIN_LIMIT_SECONDS = 15.0
"""How long answers are awaited after the last request was due."""
REPORT_SECONDS = 0.2
Say = Callable[[dict[str, Any]], None]
LOST, UNANSWERED, UNSENT = "connection lost", "not answered", "not sent in time"


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, load: "Load") -> None:
        """Prepare; the load hears of every answer."""
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self.due = 0
        self.waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # a stream's transport, as create_connection makes it

    def send(self, request: bytes, due: int) -> None:
        """Send one request that was due at a moment."""
        self.due = due
        self.waiting = True
        self._transport.write(request)  # type: ignore[union-attr]  # sends begin when the connection is there

    def data_received(self, data: bytes) -> None:
        """Take an answer, or a part of one."""
        self._received += data
        try:
            status, length = status_of(self._received)
        except NotUnderstoodError as error:
            self._load.fail(f"The answer cannot be read: {error}.")
            return
        if status:
            self._received = self._received[length:]
            self.waiting = False
            self._load.answered(self, status)

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell that there are no more answers from here."""
        self._load.lost(self)

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


class Load:
    """Sends what the plan says and counts what comes back."""

    def __init__(self, plan: Plan) -> None:
        """Prepare; nothing is sent yet."""
        self.plan = plan
        self.statuses: Counter[str] = Counter()
        self.latencies = array("Q")
        self._stored = 0
        self._template = plan.template.encode("latin-1")
        self._next = 0
        self._connections: list[Connection] = []
        self._idle: deque[Connection] = deque()
        self._backlog: deque[int] = deque()
        self._first = self._begin = self._end = self._due = self._last = 0
        self._interval = int(plan.events * NANOSECONDS / plan.rate) if plan.rate else 0
        self._over = asyncio.Event()
        self._closing = False
        self.failure = ""

    async def connect(self) -> None:
        """Open the connections."""
        loop = asyncio.get_running_loop()
        tls = context_of(self.plan)
        for _ in range(self.plan.connections):
            where = (self.plan.host, self.plan.port)
            _, connection = await loop.create_connection(lambda: Connection(self), *where, ssl=tls)
            self._connections.append(connection)

    async def run(self, say: Say) -> None:
        """Send for warm-up and measured time, then await the answers."""
        loop = asyncio.get_running_loop()
        self._first = self._due = time.monotonic_ns()
        self._begin = self._first + int(self.plan.warm_up * NANOSECONDS)
        self._end = self._begin + int(self.plan.seconds * NANOSECONDS)
        loop.call_later(self.plan.warm_up, say, {"phase": "measuring"})
        loop.call_later(self.plan.warm_up + self.plan.seconds, self._ended, say)
        pacer = Pacer(self._interval, self._send_due) if self._interval else None
        self._idle = deque(self._connections)
        if pacer is not None:
            pacer.start()
        else:
            for connection in self._connections[: self.plan.requests]:
                self._send(connection, time.monotonic_ns())
        await self._wait(say)
        if self._is_complete():
            say({"phase": "measured"})
        if pacer is not None:
            pacer.stop()
        self._closing = True
        for connection in self._connections:
            connection.close()

    async def _wait(self, say: Say) -> None:
        limit = self._end + int(DRAIN_LIMIT_SECONDS * NANOSECONDS)
        while not self._over.is_set() and time.monotonic_ns() < limit:
            try:
                await asyncio.wait_for(self._over.wait(), REPORT_SECONDS)
            except TimeoutError:
                say({"answered": self.statuses.total() * self.plan.events})

    def _ended(self, say: Say) -> None:
        say({"phase": "measured"})
        self._check_over()

    def _send(self, connection: Connection, due: int) -> None:
        events = self.plan.events
        first, self._next = self._next, self._next + events
        numbers: Iterable[int] = range(first, first + events)
        if self.plan.numbers:
            numbers = [number % self.plan.numbers for number in numbers]
        places = (value for number in numbers for value in (number, due)) if self.plan.stamped else numbers
        connection.send(self._template % tuple(places), due)

    def _send_due(self) -> None:
        """Send everything that is due; what finds no free connection waits, and its latency grows."""
        now = time.monotonic_ns()
        while self._due <= now and self._due < self._end:
            self._backlog.append(self._due)
            self._due += self._interval
        while self._backlog and self._idle:
            # In turn: one that rests for long would be closed by the other end.
            self._send(self._idle.popleft(), self._backlog.popleft())

    def answered(self, connection: Connection, status: int) -> None:
        """Count an answer and send the next request."""
        now = time.monotonic_ns()
        self.statuses[str(status)] += 1
        if connection.due >= self._begin:
            self.latencies.append(now - connection.due)
            self._stored += self.plan.events * (200 <= status < 300)
            self._last = now
        if self._interval:
            if self._backlog:
                self._send(connection, self._backlog.popleft())
                return
            self._idle.append(connection)
        elif now < self._end and not self._is_complete():
            self._send(connection, now)
            return
        if now >= self._end or self._is_complete():
            self._check_over()

    def _is_complete(self) -> bool:
        return self.plan.requests is not None and self._next >= self.plan.requests

    def _check_over(self) -> None:
        if self._interval and self._due < self._end:
            return  # the last tick is late; what it sends is awaited
        if not self._backlog and not any(connection.waiting for connection in self._connections):
            self._over.set()

    def lost(self, connection: Connection) -> None:
        """Count a connection that the other end closed; the load ends, for it is not the planned one any more."""
        if self._closing:
            return
        if connection.waiting:
            connection.waiting = False
            self.statuses[LOST] += 1
        self.fail("A connection was closed by the other end.")

    def fail(self, reason: str) -> None:
        """End the load before its time."""
        self.failure = self.failure or reason
        self._over.set()

    def result(self) -> dict[str, Any]:
        """Return what was counted and timed."""
        self.statuses[UNANSWERED] += sum(connection.waiting for connection in self._connections)
        self.statuses[UNSENT] += len(self._backlog)
        good = sum(number for status, number in self.statuses.items() if status.startswith("2"))
        seconds = (max(self._last, self._begin) - self._begin) / NANOSECONDS
        return {
            "accepted": good * self.plan.events,
            "measured": self._stored,
            "seconds": seconds,
            "begin": self._begin,
            "statuses": {name: number for name, number in sorted(self.statuses.items()) if number},
            "latency": latency_of(self.latencies),
            "failure": self.failure,
        }


def context_of(plan: Plan) -> ssl.SSLContext | None:
    """Return the TLS context of a paired solution, None for plain HTTP."""
    if plan.credentials is None:
        return None
    context = ssl.create_default_context(cafile=plan.credentials.ca)
    context.load_cert_chain(plan.credentials.certificate, plan.credentials.key)
    return context


def say(line: dict[str, Any]) -> None:
    """Write one line of JSON to standard output."""
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


def end_with_parent() -> None:
    """End this process when its standard input is closed: whoever started it is gone."""

    def heard() -> None:
        if not os.read(0, 4096):
            os._exit(1)

    asyncio.get_running_loop().add_reader(0, heard)


async def generate(plan: Plan) -> int:
    """Run a plan and say the result; returns the exit status."""
    end_with_parent()
    load = Load(plan)
    try:
        await load.connect()
    except OSError as error:
        say({"failure": f"{plan.host}:{plan.port} takes no connection ({error})."})
        return 1
    gc.disable()  # nothing here makes cycles, and a collection would be measured as latency
    say({"phase": "warming up"})
    await load.run(say)
    say({"result": load.result()})
    return 0


def main() -> int:
    """Run with the plan on standard input; return the exit status."""
    from hub.bench.loops import run

    return run(generate(Plan.decode(sys.stdin.buffer.readline())))


if __name__ == "__main__":
    sys.exit(main())
