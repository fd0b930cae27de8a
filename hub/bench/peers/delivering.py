"""A peer brings a backlog from the same stream to the same sink as the hub does in its run.

The peer stores the backlog itself, over HTTP. Then it is started anew to deliver, while the sink answers nobody; as
soon as it holds the first events the sink answers, and the time until the last event has arrived gives the rate. It
delivers one event per request, whatever the hub does.
"""

import asyncio
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nats.js import JetStreamContext

from contracts import subjects
from hub.bench.bench import document_of
from hub.bench.bringing import await_arrivals, measured_of
from hub.bench.driving import Hear, Line, run_load
from hub.bench.journal import Journal
from hub.bench.options import Options
from hub.bench.pacing import NANOSECONDS
from hub.bench.peers.mq_bridge import DELIVER
from hub.bench.peers.running import peer
from hub.bench.scenarios.ingress import plan_of
from hub.bench.sinking import running_sink
from hub.bench.usage import Meter, memory_of
from hub.kernel.broker import connect
from hub.kernel.errors import UpstreamUnavailable
from hub.layout import declare
from hub.up.ports import free_port

_BEGUN_SECONDS = 10.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Store:
    """A nats-server of the benchmark's own."""

    url: str
    pid: int
    directory: Path
    """Of the benchmark."""


async def deliver(options: Options, store: Store, began: float, hear: Hear) -> dict[str, Any]:
    """Run the peer once and return its result, in the form of a run of the hub."""
    from hub import settings

    journal = Journal(store.directory / "peer-journal")
    journal.prepare()
    client = await connect([store.url], "hub bench")
    try:
        js = client.jetstream()
        await declare(js, settings.load().kernel())
        stored = await _store(options, store, hear)
        async with running_sink(journal) as (sink, port), peer(str(options.peer), store.url, port, DELIVER) as pid:
            meter = Meter(lambda: {"nats-server": [store.pid], "peer": [pid], "sink": [sink]})
            ready_seconds = round(time.monotonic() - began, 3)
            idle = {kind: round(size, 1) for kind, size in memory_of(meter.pids()).items()}
            await _await_beginning(js)
            async with meter.sampling():
                return document_of(await _drain(journal, stored, meter, hear), meter, ready_seconds, idle)
    finally:
        await client.close()
        shutil.rmtree(journal.folder, ignore_errors=True)


async def _store(options: Options, store: Store, hear: Hear) -> Line:
    port = free_port()
    async with peer(str(options.peer), store.url, port):
        plan = plan_of(replace(options, warm_up=0.0, batch=1), f"http://127.0.0.1:{port}", "/events", stamped=True)
        return await run_load(plan, hear)


async def _await_beginning(js: JetStreamContext) -> None:
    """Wait until the peer has events in hand, so that its start is no part of what is timed."""
    limit = time.monotonic() + _BEGUN_SECONDS
    while not any(consumer.num_ack_pending for consumer in await js.consumers_info(subjects.EVENTS)):
        if time.monotonic() > limit:
            raise UpstreamUnavailable(f"The peer takes no event from the stream within {_BEGUN_SECONDS:.0f} s.")
        await asyncio.sleep(_POLL_SECONDS)


async def _drain(journal: Journal, stored: Line, meter: Meter, hear: Hear) -> Any:
    meter.begin()
    opened = time.monotonic_ns()
    journal.open_gate()
    arrivals = await await_arrivals(hear, journal, stored["accepted"])
    meter.end()
    seconds = max(0.0, (arrivals.last - opened) / NANOSECONDS)
    return measured_of("deliveries", len(arrivals.first), seconds, stored, arrivals)
