"""At the start of a worker: a cluster may be there and not ready yet, and the worker waits for it, aloud.

Nodes come up one after another, choose leaders, and somebody prepares streams and buckets. A worker that ended because
of that would only be started again; so would one that waited for ever without a word.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import structlog

from hub.kernel.broker import Bus
from hub.kernel.errors import BrokerUnavailable, HubError
from hub.kernel.settings import KernelSettings
from hub.layout import declare

log = structlog.get_logger()
_PAUSE_SECONDS = 1.0
T = TypeVar("T")


async def patiently(act: Callable[[], Awaitable[T]], limit: float) -> T:
    """Return what an action returns, which is tried again while the event store is not ready.

    Args:
        act: may be done more than once; raises `BrokerUnavailable` when it is to be.
        limit: monotonic seconds after which it is not tried again.

    Raises:
        BrokerUnavailable: it is not ready in time; the text says what is missing.
    """
    while True:
        try:
            return await act()
        except BrokerUnavailable as error:
            if time.monotonic() > limit:
                raise
            log.warning("store.awaited", error=error.detail, seconds_left=round(limit - time.monotonic()))
            await asyncio.sleep(_PAUSE_SECONDS)


async def reach(connected: Callable[[], Awaitable[Bus]], settings: KernelSettings) -> Bus:
    """Return the bus, its streams and buckets prepared.

    Args:
        connected: connects both planes of the bus.
        settings: say how long to wait. The bundled server is up before any worker starts: it is not waited for.

    Raises:
        BrokerUnavailable: it is not ready in time; the text says what is missing.
        Misconfigured: it never will be.
    """
    limit = time.monotonic() + (settings.nats.wait_seconds if settings.nats.url is not None else 0)
    bus = await patiently(connected, limit)
    try:
        await patiently(partial(declare, bus.js, settings), limit)
    except HubError:
        await bus.close()
        raise
    return bus
