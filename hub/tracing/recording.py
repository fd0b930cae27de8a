"""Takes ended spans off their way every moment, keeps them for `hub trace`, and hands them to the collector.

On the way of an event a span costs an entry in a list; everything else happens here, in batches. Losing spans is
counted, and never loses or holds up an event.
"""

import asyncio
import os
import random
import socket
import time
from functools import partial

from nats.errors import Error as NatsError

from contracts import subjects
from hub import __version__
from hub.kernel.client import Client
from hub.kernel.ending import end
from hub.kernel.http.client import Outbound
from hub.kernel.logger import log
from hub.kernel.trace import TRACER, Span
from hub.tracing.exporting import BATCH, Collector
from hub.tracing.metering import DROPPED, RECORDED
from hub.tracing.otlp import records_of
from hub.tracing.sampling import Sampler
from hub.tracing.settings import TracingSettings

LOG_EVENTS = (
    "collector.unreachable", "collector.reached", "collector.refused", "spans.unkept",
)  # fmt: skip


class Recording:
    """The spans of one process, from their end on."""

    def __init__(self, settings: TracingSettings, process: str, client: Client, outbound: Outbound) -> None:
        """Prepare; nothing is recorded before `start`.

        Args:
            settings: which traces, and where their spans go.
            process: name of this process, such as `edge`.
            client: keeps the spans.
            outbound: reaches the collector.
        """
        self._settings = settings
        self._process = process
        self._client = client
        self._sampler = Sampler(settings.traces_per_second, settings.share, time.monotonic, random.random)
        self._collector = self._collector_of(settings.endpoint, outbound) if settings.endpoint else None
        self._task: asyncio.Task[None] | None = None

    def _collector_of(self, endpoint: str, outbound: Outbound) -> Collector:
        settings = self._settings
        headers = settings.sent_headers() | {"content-type": "application/json"}
        resource = {
            "service.name": f"hub-{self._process}",
            "service.version": __version__,
            "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
        }
        post = partial(outbound.post, endpoint, headers, timeout_seconds=settings.timeout_seconds)
        return Collector(endpoint, post, resource, settings.queue)

    def start(self) -> None:
        """Record from now on."""
        if not self._settings.record:
            return
        TRACER.limit, TRACER.samples = self._settings.queue, self._sampler.take
        self._task = asyncio.create_task(self._run(), name="tracing")
        if self._collector is not None:
            self._collector.start()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._settings.flush_seconds)
            await self.flush()

    async def flush(self) -> None:
        """Take the spans that have ended, keep them, and hand them on."""
        spans, TRACER.ended = TRACER.ended, []
        dropped, TRACER.dropped = TRACER.dropped, 0
        if dropped:
            DROPPED.labels("queue").inc(dropped)
        if not spans:
            return
        RECORDED.inc(len(spans))
        if self._collector is not None:
            self._collector.offer(spans)
        for begin in range(0, len(spans), BATCH):
            await self._keep(spans[begin : begin + BATCH])

    async def _keep(self, spans: list[Span]) -> None:
        """Publish the spans, one message for each trace, without waiting for a receipt."""
        records = await asyncio.to_thread(records_of, spans, self._process)
        try:
            if not self._client.is_connected:  # what waits for the connection is for events
                raise ConnectionError("the event store is away")  # noqa: TRY301 - the same end as below
            for trace_id, body in records.items():
                await self._client.publish(subjects.trace(trace_id), body)
        except (NatsError, ConnectionError) as error:
            DROPPED.labels("store").inc(len(spans))
            log.debug("spans.unkept", error=repr(error), spans=len(spans))

    async def stop(self) -> None:
        """Record no more; keep and send what has ended."""
        if self._task is None:
            return
        if TRACER.samples == self._sampler.take:
            TRACER.limit = 0
        await end(self._task)
        await self.flush()
        if self._collector is not None:
            await self._collector.stop()
