"""Keeps one revision of a Function running, and calls it. Does I/O (asyncio).

One process at a time answers. When a call takes too long, its process gets no more calls and a new one takes its place
at once; the old one may finish the other calls it has in hand within the grace time and is then killed, so a time-out
costs nobody else's work. When a process ends by itself, its calls fail (they may be tried again), a new one is started,
after a pause that grows while it keeps ending.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable

from hub.functions.model import Answer, Invocation, Launch
from hub.functions.runtime.process import Done, Process, launch
from hub.functions.settings import FunctionsSettings
from hub.kernel.backoff import Backoff
from hub.kernel.errors import HubError, UpstreamUnavailable

_STEADY_SECONDS = 10.0
"""A process that lived this long is replaced without a pause."""

Report = Callable[[HubError | None], None]
"""Told when the Function stops running for longer than a moment, and (None) when it runs again."""


class _Waiting:
    """A call that waits for its turn."""

    __slots__ = ("done", "invocation", "timer", "until")

    def __init__(self, invocation: Invocation, until: float, done: Done, timer: asyncio.TimerHandle) -> None:
        self.invocation = invocation
        self.until = until
        self.done = done
        self.timer = timer


class Worker:
    """One revision of a Function, running."""

    def __init__(self, request: Launch, settings: FunctionsSettings, report: Report) -> None:
        """Prepare; `start` launches the first process."""
        self.launch = request
        self._settings = settings
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._backoff = Backoff(
            initial_seconds=settings.retry_initial_seconds, max_seconds=settings.retry_max_seconds, jitter=0.2
        )
        self._current: Process | None = None
        self._retiring: set[Process] = set()
        self._waiting: deque[_Waiting] = deque()
        self._reviving: asyncio.Task[None] | None = None
        self._paused = False
        self._stopping = False
        self._failures = 0
        self._born = 0.0

    @property
    def busy(self) -> int:
        """Return the number of calls in hand or waiting."""
        processes = [*self._retiring, *([self._current] if self._current else [])]
        return sum(process.busy for process in processes) + len(self._waiting)

    @property
    def pids(self) -> list[int]:
        """Return the process ids, the one that answers first."""
        return [process.pid for process in [*([self._current] if self._current else []), *self._retiring]]

    async def start(self) -> None:
        """Launch the first process.

        Raises:
            HubError: the handler cannot be loaded, or no process can be started.
        """
        process = await launch(self.launch, self._settings.start_seconds, self._ended)
        if process.gone:
            raise UpstreamUnavailable(f"The process of Function '{self.launch.label}' ended.", reason="ProcessEnded")
        process.on_time_out = self._replace
        process.on_idle = self._idle
        if self._stopping:
            process.kill()
            return
        self._current = process
        self._born = self._loop.time()
        self._pump()

    def call(self, invocation: Invocation, timeout_seconds: float, done: Done) -> None:
        """Call the handler now or as soon as it is its turn; `done` is called exactly once."""
        current = self._current
        if current is not None and not self._waiting and current.busy < self._settings.concurrency:
            current.call(invocation, timeout_seconds, self._then(done))
        elif self._stopping or self._paused:
            done(UpstreamUnavailable(f"Function '{self.launch.label}' is not running; try again shortly."))
        else:
            until = self._loop.time() + timeout_seconds
            waiting = _Waiting(invocation, until, done, self._loop.call_at(until, self._give_up))
            self._waiting.append(waiting)

    async def invoke(self, invocation: Invocation, timeout_seconds: float) -> Answer:
        """Call the handler and wait for its answer.

        Raises:
            UpstreamUnavailable: the process ended, or had no room for the call in time.
        """
        answered: asyncio.Future[Answer] = self._loop.create_future()

        def settle(answer: Answer | HubError) -> None:
            if answered.done():  # the caller has gone away
                return
            if isinstance(answer, HubError):
                answered.set_exception(answer)
            else:
                answered.set_result(answer)

        self.call(invocation, timeout_seconds, settle)
        return await answered

    def _then(self, done: Done) -> Done:
        def settle(answer: Answer | HubError) -> None:
            done(answer)
            if self._waiting:
                self._pump()

        return settle

    def _give_up(self) -> None:
        now = self._loop.time()
        while self._waiting and self._waiting[0].until <= now + 0.001:
            late = self._waiting.popleft()
            late.done(UpstreamUnavailable(f"Function '{self.launch.label}' had no room for the call in time."))

    def _pump(self) -> None:
        while self._waiting and self._current and self._current.busy < self._settings.concurrency:
            next_one = self._waiting.popleft()
            next_one.timer.cancel()
            left = next_one.until - self._loop.time()
            self._current.call(next_one.invocation, max(left, 0.001), self._then(next_one.done))

    def _replace(self, process: Process) -> None:
        """Retire a process in which a call takes too long; another one takes its place at once."""
        if process is self._current:
            self._current = None
            self._revive()
        self._retire(process)

    def _retire(self, process: Process) -> None:
        self._retiring.add(process)
        if process.busy == 0:
            process.kill()
        else:
            self._loop.call_later(self._settings.grace_seconds, process.kill)

    def _idle(self, process: Process) -> None:
        if process in self._retiring:
            process.kill()

    def _ended(self, process: Process) -> None:
        self._retiring.discard(process)
        if process is not self._current:
            return
        self._current = None
        if not self._stopping:
            self._failures = 1 if self._loop.time() - self._born > _STEADY_SECONDS else self._failures + 1
            self._revive()

    def _revive(self) -> None:
        if self._reviving is None or self._reviving.done():
            self._reviving = self._loop.create_task(self._start_again())

    async def _start_again(self) -> None:
        # The first end after a steady time is answered at once; the pauses begin with the second.
        while not self._stopping:
            if self._failures > 1:
                await self._pause(self._backoff.wait(self._failures - 1, random.random()))  # noqa: S311 - jitter
            try:
                await self.start()
            except HubError as error:
                self._failures += 1
                self._report(error)
                continue
            if self._failures > 1:
                self._report(None)
            return

    async def _pause(self, seconds: float) -> None:
        self._paused = True
        self._refuse_waiting()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._paused = False

    def _refuse_waiting(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        for one in waiting:
            one.timer.cancel()
            one.done(UpstreamUnavailable(f"Function '{self.launch.label}' keeps ending; try again shortly."))

    async def stop(self, grace_seconds: float) -> None:
        """Take no more calls, finish those in hand within the grace time, end the processes."""
        self._stopping = True
        limit = self._loop.time() + grace_seconds
        while self.busy and self._loop.time() < limit:  # noqa: ASYNC110 - a stop is rare, an event per call is not
            await asyncio.sleep(0.01)
        if self._reviving is not None:
            self._reviving.cancel()
        self._refuse_waiting()
        processes = [*self._retiring, *([self._current] if self._current else [])]
        for process in processes:
            process.kill()
        await asyncio.gather(*(process.ended.wait() for process in processes))
