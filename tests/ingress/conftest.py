"""A process with ingress on its internal listener, and a client of it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from contracts import subjects
from hub.kernel.broker import Bus

EVENT = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "order.created.v1", "data": {"total": 5}}
BATCH = {"content-type": "application/cloudevents-batch+json"}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}


@pytest.fixture
async def http(bus: Bus, running: Callable[..., Any]) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of the internal listener."""
    process = await running(["ingress"], ["internal"])
    async with httpx.AsyncClient(base_url=process.addresses()["internal"]) as client:
        yield client


async def count_stored(bus: Bus) -> int:
    """Return how many events the stream holds."""
    return int((await bus.js.stream_info(subjects.EVENTS)).state.messages)
