"""Keeps interpreters started that no Function has yet, so that a Function at rest answers sooner. Does I/O (asyncio).

A spare has run nothing but the program it was started with; see `become` for how it becomes the process of a Function,
confined as if it had been started for it. Another one is started a moment after, when the call that needed it has had
the machine to itself. A spare is used once, and there are none while there are no Functions.
"""

import asyncio
import contextlib
import os
from collections import deque

import structlog

from hub.functions.environment import at_rest_environment, fixed_at_start
from hub.functions.model import Launch
from hub.functions.runtime import programs
from hub.functions.runtime.starting import Started, start
from hub.kernel.backoff import Backoff
from hub.kernel.ending import end

log = structlog.get_logger()

_REFILL_AFTER_SECONDS = 0.1
_STEADY_SECONDS = 10.0
"""A spare that lived this long is replaced without a longer pause."""
_PAUSES = Backoff(initial_seconds=_REFILL_AFTER_SECONDS, max_seconds=60)


class Pool:
    """Started interpreters of the hub's own Python, whose environment is that of most Functions."""

    def __init__(self, size: int) -> None:
        """Prepare; spares are started as soon as somebody has use for them.

        Args:
            size: how many; 0 for none.
        """
        self._size = size
        self._environment = at_rest_environment(os.environ)
        self._spares: deque[Started] = deque()
        self._watches: dict[Started, asyncio.Task[None]] = {}
        self._users = 0
        self._failures = 0
        self._filling: asyncio.Task[None] | None = None

    @property
    def pids(self) -> list[int]:
        """Return the process ids of the spares."""
        return [spare.process.pid for spare in self._spares]

    def join(self) -> None:
        """Say that somebody may need a spare from now on."""
        self._users += 1
        self._fill()

    def leave(self) -> None:
        """Say that one of them needs none any more; with the last of them the spares are ended."""
        self._users -= 1
        if self._users == 0:
            self._drop()

    def take(self, launch: Launch) -> Started | None:
        """Return a spare that can become a process of the Function, if there is one."""
        if not _fits(launch, self._environment):
            return None
        while self._spares:
            spare = self._spares.popleft()
            self._watches.pop(spare).cancel()
            self._fill()
            if spare.runs:
                self._failures = 0
                return spare
            spare.kill()
        return None

    def _fill(self) -> None:
        if self._users and self._size and (self._filling is None or self._filling.done()):
            self._filling = asyncio.create_task(self._start_missing(), name="function-spares")

    async def _start_missing(self) -> None:
        while self._users and len(self._spares) < self._size:
            await asyncio.sleep(_PAUSES.wait(self._failures + 1))
            try:
                spare = await start(programs.spare_command, self._environment)
            except OSError as error:
                self._failures += 1
                log.warning("spare.not_started", error=error.strerror or str(error))
                continue
            self._spares.append(spare)
            self._watches[spare] = asyncio.create_task(self._watch(spare), name="function-spare")

    async def _watch(self, spare: Started) -> None:
        """Replace a spare that somebody killed."""
        began = asyncio.get_running_loop().time()
        await spare.process.wait()
        steady = asyncio.get_running_loop().time() - began > _STEADY_SECONDS
        self._failures = 0 if steady else self._failures + 1
        self._spares.remove(spare)
        del self._watches[spare]
        spare.kill()
        self._fill()

    def _drop(self) -> None:
        for spare in self._spares:
            self._watches.pop(spare).cancel()
            spare.kill()
        self._spares.clear()

    async def stop(self) -> None:
        """End all spares; none is started any more."""
        self._users, self._size = 0, 0
        await end(self._filling)
        spares = [*self._spares]
        self._drop()
        with contextlib.suppress(ProcessLookupError):
            await asyncio.gather(*(spare.process.wait() for spare in spares))


def _fits(launch: Launch, environment: dict[str, str]) -> bool:
    """Say whether a spare can become this: variables that only a start reads must be the same.

    Another program takes the interpreter's place, and reads its own environment.
    """
    return bool(launch.node) or fixed_at_start(launch.environment) == environment
