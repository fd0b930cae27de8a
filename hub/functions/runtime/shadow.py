"""A shadow: a revision that gets the events which others answer, one at a time, and is compared with them. Does I/O.

It begins when the answer is on its way, so nobody waits for it; what it cannot keep up with it does not get, and that
is counted. One event at a time is what tells to which event a recorded publication belongs, whatever library made it.
"""

import asyncio
import time
from collections import deque
from typing import NamedTuple

from hub.functions.comparison import Comparison, Result, result_of
from hub.functions.model import Answer, Invocation
from hub.functions.runtime.recorder import Recorder
from hub.functions.runtime.revision import Revision
from hub.kernel.errors import HubError

_MOST_WAITING = 1000


class _Turn(NamedTuple):
    """An event that waits for the shadow, with what the live revision made of it."""

    invocation: Invocation
    number: int
    live: Result


class Shadow:
    """Feeds a shadow revision and compares."""

    def __init__(self, revision: Revision, recorder: Recorder, ticket: str, comparison: Comparison) -> None:
        """Prepare; `comparison` takes the results."""
        self.revision = revision
        self.comparison = comparison
        self._worker = revision.worker
        self._recorder = recorder
        self._ticket = ticket
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Turn] = deque()
        self._busy = False
        self._ended = False

    def take(self, invocation: Invocation, number: int, live: Result) -> None:
        """Take an event that a live revision has answered."""
        if self._ended or len(self._waiting) >= _MOST_WAITING:
            self.comparison.skipped += 1
            return
        self._waiting.append(_Turn(invocation, number, live))
        if not self._busy:
            self._next()

    def _next(self) -> None:
        if self._ended or not self._waiting:
            self._busy = False
            return
        self._busy = True
        turn = self._waiting.popleft()
        self._recorder.take(self._ticket)
        began = time.perf_counter()

        def done(answer: Answer | HubError) -> None:
            self._compare(turn, answer, time.perf_counter() - began)
            self._loop.call_soon(self._next)  # a worker that does not run answers at once, again and again

        self._worker.call(turn.invocation, self._worker.launch.timeout_seconds, done)

    def _compare(self, turn: _Turn, answer: Answer | HubError, seconds: float) -> None:
        if isinstance(answer, Answer) and answer.rest is not None:
            answer.rest.close()
        headers = turn.invocation.headers
        event = {"id": headers.get("ce-id", ""), "type": headers.get("ce-type", "")}
        shadow = result_of(answer, seconds, self.revision.hidden)
        self.comparison.add(event, (turn.number, turn.live), shadow, self._recorder.take(self._ticket))

    async def end(self) -> None:
        """Take no more events, and end the process."""
        self._ended = True
        self._waiting.clear()
        await self._worker.stop(0)
        self._recorder.end(self._ticket)
