"""Keeps one revision of a Function running in as many processes as its backlog asks for, and calls it. Does I/O.

Calls go to the process with the fewest in hand; when all are full, calls wait and another process is started, up to
the Function's most. A process that nobody called for a while is ended again, down to the Function's least; none may be
left, and the next call starts one. When a call takes too long, its process gets no more calls and another one takes its
place at once; the old one may finish the other calls it has in hand within the grace time and is then killed, so a
time-out costs nobody else's work. When a process ends by itself, its calls fail (they may be tried again), and another
one is started, after a pause that grows while they keep ending.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable

from hub.functions.model import Answer, Invocation, Launch
from hub.functions.runtime.deadlines import Deadlines
from hub.functions.runtime.pool import Pool
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

    __slots__ = ("done", "invocation", "over", "until")

    def __init__(self, invocation: Invocation, until: float, done: Done) -> None:
        self.invocation = invocation
        self.until = until
        self.done = done
        self.over = False

    def refuse(self, error: HubError) -> None:
        """Answer the call with an error, once."""
        if not self.over:
            self.over = True
            self.done(error)


class Worker:
    """One revision of a Function, running."""

    def __init__(
        self, request: Launch, settings: FunctionsSettings, report: Report, pool: Pool | None = None
    ) -> None:
        """Prepare; `start` launches the first process, or the first call does; `pool` has spares to launch it in."""
        self.launch = request
        self._pool = pool or Pool(0)
        self._pool.join()
        self._settings = settings
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._backoff = Backoff(
            initial_seconds=settings.retry_initial_seconds, max_seconds=settings.retry_max_seconds, jitter=0.2
        )
        self._serving: list[Process] = []
        self._retiring: set[Process] = set()
        self._waiting: deque[_Waiting] = deque()
        self._deadlines = Deadlines(self._end_late)
        self._supplying: asyncio.Task[None] | None = None
        self._tidying: asyncio.TimerHandle | None = None
        self._stopping = False
        self._failures = 0
        self._not_before = 0.0
        self._born = 0.0

    @property
    def busy(self) -> int:
        """Return the number of calls in hand or waiting."""
        return sum(process.busy for process in (*self._serving, *self._retiring)) + len(self._waiting)

    @property
    def pids(self) -> list[int]:
        """Return the process ids, those that take calls first."""
        return [process.pid for process in (*self._serving, *self._retiring)]

    @property
    def instances(self) -> int:
        """Return the number of processes that take calls."""
        return len(self._serving)

    async def start(self) -> None:
        """Launch a process.

        Raises:
            HubError: the handler cannot be loaded, or no process can be started.
        """
        spare = self._pool.take(self.launch)
        process = await launch(self.launch, self._settings.start_seconds, self._ended, spare)
        if process.gone:
            raise UpstreamUnavailable(f"The process of Function '{self.launch.label}' ended.", reason="ProcessEnded")
        process.on_time_out = self._replace
        process.on_free = self._freed
        if self._stopping:
            process.kill()
            return
        self._serving.append(process)
        self._born = self._loop.time()
        self._tidy_later()
        self._pump()
        self._supply()

    def call(self, invocation: Invocation, timeout_seconds: float, done: Done) -> None:
        """Call the handler now or as soon as it is its turn; `done` is called exactly once."""
        process = None if self._waiting else self._free()
        if process is not None:
            process.call(invocation, timeout_seconds, done)
        elif self._stopping or (not self._serving and self._loop.time() < self._not_before):
            done(UpstreamUnavailable(f"Function '{self.launch.label}' is not running; try again shortly."))
        elif len(self._waiting) >= self._settings.backlog:
            done(UpstreamUnavailable(f"Function '{self.launch.label}' has {len(self._waiting)} calls waiting already."))
        else:
            waiting = _Waiting(invocation, self._loop.time() + timeout_seconds, done)
            self._waiting.append(waiting)
            self._deadlines.note(waiting.until)
            self._supply()

    async def invoke(self, invocation: Invocation, timeout_seconds: float) -> Answer:
        """Call the handler and wait for its answer.

        Raises:
            UpstreamUnavailable: the process ended, or had no room for the call in time.
        """
        answered: asyncio.Future[Answer] = self._loop.create_future()

        def settle(answer: Answer | HubError) -> None:
            if answered.done():  # the caller has gone away
                if isinstance(answer, Answer) and answer.rest is not None:
                    answer.rest.close()
            elif isinstance(answer, HubError):
                answered.set_exception(answer)
            else:
                answered.set_result(answer)

        self.call(invocation, timeout_seconds, settle)
        return await answered

    def _free(self) -> Process | None:
        """Return the process with the fewest calls in hand that has room for another."""
        serving = self._serving
        if not serving:
            return None
        best = serving[0] if len(serving) == 1 else min(serving, key=_busy_of)
        return best if best.busy < self.launch.concurrency else None

    def _freed(self, process: Process) -> None:
        if self._waiting:
            self._pump()
        if process in self._retiring and process.busy == 0:
            process.kill()

    def _end_late(self, now: float) -> Iterable[float]:
        for late in [waiting for waiting in self._waiting if waiting.until <= now]:
            late.refuse(UpstreamUnavailable(f"Function '{self.launch.label}' had no room for the call in time."))
        while self._waiting and self._waiting[0].over:
            self._waiting.popleft()
        return [waiting.until for waiting in self._waiting if not waiting.over]

    def _pump(self) -> None:
        while self._waiting and (process := self._free()) is not None:
            next_one = self._waiting.popleft()
            if next_one.over:
                continue
            left = next_one.until - self._loop.time()
            process.call(next_one.invocation, max(left, 0.001), next_one.done)

    def _replace(self, process: Process) -> None:
        """Retire a process in which a call takes too long; another one takes its place at once."""
        if process in self._serving:
            self._serving.remove(process)
            self._supply(least=1)
        self._retire(process)

    def _retire(self, process: Process) -> None:
        self._retiring.add(process)
        if process.busy == 0:
            process.kill()
        else:
            self._loop.call_later(self._settings.grace_seconds, process.kill)

    def _ended(self, process: Process) -> None:
        self._retiring.discard(process)
        if process not in self._serving:
            return
        self._serving.remove(process)
        if not self._stopping:
            self._failures = 1 if self._loop.time() - self._born > _STEADY_SECONDS else self._failures + 1
            if self._failures > 1:  # the first end after a steady time is answered at once
                self._put_off()
            self._supply()

    def _put_off(self) -> None:
        pause = self._backoff.wait(max(self._failures - 1, 1), random.random())  # noqa: S311 - jitter
        self._not_before = self._loop.time() + pause
        if not self._serving:
            self._refuse_waiting()

    def _lacks(self, least: int) -> bool:
        serving = len(self._serving)
        return not self._stopping and (serving < least or (bool(self._waiting) and serving < self.launch.most))

    def _supply(self, least: int | None = None) -> None:
        """Start processes until there are enough; one at a time, so that each eases the backlog of the next."""
        wanted = self.launch.least if least is None else max(least, self.launch.least)
        if self._lacks(wanted) and (self._supplying is None or self._supplying.done()):
            self._supplying = self._loop.create_task(self._start_enough(wanted))

    async def _start_enough(self, least: int) -> None:
        while self._lacks(least):
            await asyncio.sleep(max(self._not_before - self._loop.time(), 0))
            before = self._failures
            try:
                await self.start()
            except HubError as error:
                self._failures += 1
                self._put_off()
                self._report(error)
                continue
            if before > 1:
                self._report(None)

    def _refuse_waiting(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        for one in waiting:
            one.refuse(UpstreamUnavailable(f"Function '{self.launch.label}' keeps ending; try again shortly."))

    def _tidy_later(self) -> None:
        if self._tidying is None and len(self._serving) > self.launch.least and self.launch.idle_seconds:
            self._tidying = self._loop.call_later(self.launch.idle_seconds / 2, self._tidy)

    def _tidy(self) -> None:
        """End processes that nobody called for a while."""
        self._tidying = None
        quiet_since = self._loop.time() - self.launch.idle_seconds
        for process in self._serving[self.launch.least :]:
            if process.busy == 0 and process.last_call <= quiet_since:
                self._serving.remove(process)
                self._retire(process)
        self._tidy_later()

    async def stop(self, grace_seconds: float) -> None:
        """Take no more calls, finish those in hand within the grace time, end the processes."""
        if not self._stopping:
            self._stopping = True
            self._pool.leave()
        limit = self._loop.time() + grace_seconds
        while self.busy and self._loop.time() < limit:  # noqa: ASYNC110 - a stop is rare, an event per call is not
            await asyncio.sleep(0.01)
        for pending in (self._supplying, self._tidying):
            if pending is not None:
                pending.cancel()
        self._refuse_waiting()
        self._deadlines.close()
        processes = [*self._retiring, *self._serving]
        for process in processes:
            process.kill()
        await asyncio.gather(*(process.ended.wait() for process in processes))


def _busy_of(process: Process) -> int:
    return process.busy
