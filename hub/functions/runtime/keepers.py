"""One keeper task per Function: it reconciles the Function whenever somebody hints that something changed. Does I/O.

Level-triggered: a hint says only "look again", so a missed or repeated one does no harm. What failed for a passing
reason is tried again by itself after growing pauses, and a Function from a branch or tag is looked at again now and
then. A slow installation delays nobody else.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

from hub.functions.runtime.cloning import is_commit
from hub.functions.settings import FunctionsSettings
from hub.functions.store import FunctionStore
from hub.kernel.backoff import Backoff
from hub.kernel.ending import end

Reconcile = Callable[[str], Awaitable[bool]]
"""Key of a Function → whether to try again soon without being told."""


class Keepers:
    """The keepers of all Functions of this process."""

    def __init__(self, store: FunctionStore, settings: FunctionsSettings, reconcile: Reconcile) -> None:
        """Prepare; a keeper begins with the first hint."""
        self._store = store
        self._settings = settings
        self._reconcile = reconcile
        self._hints: dict[str, asyncio.Event] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._backoff = Backoff(
            initial_seconds=settings.retry_initial_seconds, max_seconds=settings.retry_max_seconds, jitter=0.2
        )

    def hint(self, key: str) -> None:
        """Have a Function looked at, now or as soon as the look under way is over."""
        self._hints.setdefault(key, asyncio.Event()).set()
        if key not in self._keepers:
            self._keepers[key] = asyncio.create_task(self._keep(key), name=f"function-{key}")

    async def _keep(self, key: str) -> None:
        failures = 0
        hint = self._hints[key]
        while True:
            hint.clear()
            again = await self._reconcile(key)
            if self._store.functions.get(key) is None and not hint.is_set():
                break
            failures = failures + 1 if again else 0
            try:
                await asyncio.wait_for(hint.wait(), self._pause(key, failures))
                failures = 0
            except TimeoutError:
                continue
        del self._keepers[key], self._hints[key]

    def _pause(self, key: str, failures: int) -> float | None:
        """Return the seconds until a Function is looked at again without being told; None for never."""
        if 0 < failures <= self._settings.deploy_attempts:
            return self._backoff.wait(failures, random.random())  # noqa: S311 - jitter
        function = self._store.functions.get(key)
        repository = function.spec["source"].get("gitRepository") if function is not None else None
        moves = repository is not None and not is_commit(repository["reference"])
        return self._settings.git_poll_seconds if moves else None

    async def stop(self) -> None:
        """End all keepers; what they were at is left as it is."""
        await asyncio.gather(*map(end, self._keepers.values()))
