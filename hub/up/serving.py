"""One process from its start until a signal says stop, and what the collector of garbage does meanwhile."""

import asyncio
import contextlib
import gc
import signal
import time
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from hub.house import Running
from hub.kernel.ending import end
from hub.kernel.logger import log

if TYPE_CHECKING:
    from hub.settings import HubSettings

COLLECT_SECONDS = 30.0
"""Pause between two collections of what is young."""
WHOLE_EVERY = 20
"""Of so many collections one is of everything that has come since the start."""


async def serve(rooms: Iterable[str], listeners: Iterable[str], settings: "HubSettings") -> None:
    """Run rooms and listeners in this process until a signal says stop."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop_or_end, stopping, number)
    running = Running(settings)
    started = time.monotonic()
    try:
        if not await _unless(stopping, running.start(list(rooms), list(listeners))):
            return
        _spare_collections()
        running.notify_ready(stopping.set)
        log.info("process.ready", seconds=round(time.monotonic() - started, 3), listeners=running.addresses())
        await collect_until(stopping)
        log.info("process.stopping")
    finally:
        await running.stop()


def _spare_collections() -> None:
    """Let the collector leave alone what is here now, and look seldom: an event makes no cycles, but many objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def collect_until(stopping: asyncio.Event, seconds: float = COLLECT_SECONDS) -> None:
    """Collect again and again, until told to stop: some milliseconds each, for most is frozen.

    Else the cycles of what happens now and then (a look through a bucket, a handshake) would pile up to ten megabytes
    in each process before the collector looks by itself.
    """
    count = 0
    while not stopping.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), seconds)
        count += 1
        gc.collect(2 if count % WHOLE_EVERY == 0 else 1)


async def _unless(stopping: asyncio.Event, action: Coroutine[Any, Any, None]) -> bool:
    """Carry out an action unless told to stop first; return whether it was carried out."""
    acting, told = asyncio.create_task(action), asyncio.create_task(stopping.wait())
    await asyncio.wait({acting, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if acting.done():
        await acting
        return True
    await end(acting)
    return False


def _stop_or_end(stopping: asyncio.Event, number: int) -> None:
    if stopping.is_set():  # the second signal ends at once
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
    stopping.set()
