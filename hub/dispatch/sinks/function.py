"""Calls a Function of the hub, by request and reply over the bus: what is ready in the same moment goes in one request.

Each event is a call of its own, answered when its own outcome is known. A Function that does not run, or that no worker
has, answers 503 at once; its deliveries wait for it like for any sink.
"""

import asyncio
from typing import Any

import orjson

from contracts import subjects
from contracts.calls import SIGN_SECONDS, TIMEOUT, TOGETHER, pack
from hub.dispatch.binding import sink_headers
from hub.dispatch.consumer.intake import Message
from hub.dispatch.model import EXCERPT_CHARACTERS, Answer, Delivery
from hub.dispatch.planning import Plan
from hub.dispatch.sinks.outside import Outside, Send

ATTEMPT = "Hub-Attempt"
# The worker keeps the time limit itself and says so.
_GRACE_SECONDS = 1.0
_LEAST_SIGNS = 3
# A look that comes later than this found that this process itself stood still: what was said waits to be read.
_LATE_SECONDS = 1.0
_MOST_TOGETHER = 32
_MOST_BYTES = 262_144
_LOST = Answer(None, error="The request could not be sent: the connection with nats-server is lost.")
_UNREADABLE = Answer(None, error="The Function's worker gave an answer without a status.")
_TAKEN = {status: Answer(status) for status in range(200, 300)}


def sender(outside: Outside, plan: Plan) -> Send:
    """Return what calls the Function of a plan."""
    line = _Line(outside, plan)
    limit = line.limit

    def send(delivery: Delivery, attempt: int) -> "asyncio.Future[Answer]":
        headers = sink_headers(delivery.headers)
        headers[TIMEOUT], headers[ATTEMPT] = limit, str(attempt)
        return line.call(orjson.dumps(headers), delivery.body)

    return send


class _Line:
    """The way to one Function: gathers calls until the event loop comes round."""

    def __init__(self, outside: Outside, plan: Plan) -> None:
        name, scope, seconds = plan.sink.name, plan.sink.scope, plan.policy.timeout_seconds
        self._outside = outside
        self.loop = asyncio.get_running_loop()
        self._gathered: _Calls | None = None
        self.limit = f"{seconds:g}"
        self.seconds = seconds + _GRACE_SECONDS
        self.silence = max(outside.silence_seconds, _LEAST_SIGNS * SIGN_SECONDS)
        self.subject = subjects.call(scope, name)
        self.silent = Answer(None, error=f"The Function '{name}' did not answer within {seconds:g} s.")
        self.dead = Answer(None, error=f"The worker of the Function '{name}' was silent for {self.silence:g} s.")
        self.missing = Answer(503, error=f"No worker runs the Function '{name}' in scope '{scope}'.")

    def call(self, headers: bytes, body: bytes) -> "asyncio.Future[Answer]":
        """Return the answer to come."""
        calls = self._gathered
        if calls is not None and not calls.has_room_for(len(headers) + len(body)):
            self._send(calls)
        if self._gathered is None:
            self._gathered = _Calls(self)
            self.loop.call_soon(self._send, self._gathered)
        answered: asyncio.Future[Answer] = self.loop.create_future()
        self._gathered.add(headers, body, answered)
        return answered

    def _send(self, calls: "_Calls") -> None:
        if self._gathered is calls:
            self._gathered = None
            calls.send(self._outside)


class _Calls:
    """The calls of one request, until each of them is answered."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._parts: list[tuple[bytes, bytes]] = []
        self._bytes = 0
        self._waiting: dict[int, asyncio.Future[Answer]] = {}

    def has_room_for(self, size: int) -> bool:
        return len(self._parts) < _MOST_TOGETHER and self._bytes + size <= _MOST_BYTES

    def add(self, headers: bytes, body: bytes, answered: "asyncio.Future[Answer]") -> None:
        self._waiting[len(self._parts)] = answered
        self._parts.append((headers, body))
        self._bytes += len(headers) + len(body)

    def send(self, outside: Outside) -> None:
        line, parts = self._line, self._parts
        self._inbox, self._reply = outside.inbox, outside.inbox.open(self._received)
        self._heard = line.loop.time()
        self._limit = self._heard + line.seconds
        self._look_later()
        headers = {TOGETHER: str(len(parts)), TIMEOUT: line.limit}
        self._parts = []
        outside.outbox.send(
            line.subject, pack(parts), reply=self._reply, headers=headers, on_lost=lambda: self._end(_LOST)
        )

    def _look_later(self) -> None:
        due = min(self._limit, self._heard + self._line.silence)
        self._expiry = self._line.loop.call_at(due, self._look, due)

    def _look(self, due: float) -> None:
        """Give up what is past its limit, or what nobody seems to be at work on any more."""
        now = self._line.loop.time()
        if now >= self._limit:
            self._end(self._line.silent)
            return
        if now - due > _LATE_SECONDS:
            self._heard = now
        if now - self._heard >= self._line.silence:
            self._end(self._line.dead)
        else:
            self._look_later()

    def _received(self, message: Message) -> None:
        self._heard = self._line.loop.time()
        if message.headers and message.headers.get("Status") == "503":
            self._end(self._line.missing)
            return
        try:
            for place, status, *failure in orjson.loads(message.data):
                answered = self._waiting.pop(place, None)
                if answered is not None and not answered.done():
                    answered.set_result(_TAKEN.get(status) or _failed(status, *failure))
        except (ValueError, TypeError):
            self._end(_UNREADABLE)
            return
        if not self._waiting:
            self._close()

    def _end(self, answer: Answer) -> None:
        """Give those that are not answered this answer."""
        waiting, self._waiting = self._waiting, {}
        for answered in waiting.values():
            if not answered.done():
                answered.set_result(answer)
        self._close()

    def _close(self) -> None:
        self._expiry.cancel()
        self._inbox.close(self._reply)


def _failed(status: int, error: Any = "", excerpt: Any = "") -> Answer:
    return Answer(int(status), excerpt=str(excerpt)[:EXCERPT_CHARACTERS], error=str(error))
