"""Sends spans to a collector by OTLP over HTTP. Nothing waits for it, and nothing is lost with it but spans.

Spans wait in a bounded queue whose oldest make room; a collector that is away is asked again after growing pauses, and
the log says once that it is away and once that it is back.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from urllib.parse import urlsplit

import orjson

from hub.kernel.backoff import Backoff
from hub.kernel.ending import end
from hub.kernel.errors import HubError
from hub.kernel.http.client import Reply
from hub.kernel.logger import log
from hub.kernel.trace import Span
from hub.tracing.metering import DROPPED, EXPORTED
from hub.tracing.otlp import request_of

Post = Callable[[bytes], Awaitable[Reply]]
"""Posts a request's body to the collector; raises HubError when there is no answer."""
BATCH = 512
_RETRIED = frozenset({429, 502, 503, 504})
_LAST_SECONDS = 2.0


class Collector:
    """The collector, and what waits for it."""

    def __init__(self, endpoint: str, post: Post, resource: Mapping[str, str], queue: int) -> None:
        """Prepare; `start` begins to send.

        Args:
            endpoint: its address, for the log.
            post: how it is reached.
            resource: what is said of this process.
            queue: most spans that may wait.
        """
        self.place = urlsplit(endpoint).netloc.rpartition("@")[2]
        self._post = post
        self._resource = resource
        self._waiting: deque[Span] = deque()
        self._queue = queue
        self._something = asyncio.Event()
        self._backoff = Backoff(initial_seconds=1, max_seconds=30, jitter=0.2)
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Send from now on."""
        self._task = asyncio.create_task(self._run(), name="tracing-collector")

    def offer(self, spans: Iterable[Span]) -> None:
        """Take spans to be sent; too many drop the oldest."""
        self._waiting.extend(spans)
        self._bound()
        if self._waiting:
            self._something.set()

    def _bound(self) -> None:
        excess = len(self._waiting) - self._queue
        for _ in range(excess):
            self._waiting.popleft()
        if excess > 0:
            DROPPED.labels("collector").inc(excess)

    async def _run(self) -> None:
        while True:
            await self._something.wait()
            if await self.send():
                self._something.clear()
            else:
                await asyncio.sleep(self._backoff.wait(self._failures, random.random()))  # noqa: S311 - spreads load

    async def send(self) -> bool:
        """Send what waits; returns whether all of it is gone, taken or refused."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            gone = False
            try:
                gone = await self._send(batch)
            finally:
                if not gone:
                    self._waiting.extendleft(reversed(batch))
                    self._bound()
            if not gone:
                return False
        return True

    async def _send(self, batch: list[Span]) -> bool:
        body = await asyncio.to_thread(request_of, batch, self._resource)
        try:
            reply = await self._post(body)
        except HubError as error:
            self._failed(error.detail)
            return False
        if reply.status in _RETRIED:
            self._failed(f"it answered {reply.status}")
            return False
        refused = rejected_of(reply) if 200 <= reply.status < 300 else len(batch)
        self._answered(reply.status, refused)
        EXPORTED.inc(max(0, len(batch) - refused))
        return True

    def _failed(self, why: str) -> None:
        self._failures += 1
        if self._failures == 1:
            log.warning("collector.unreachable", collector=self.place, error=why, note="events are not affected")

    def _answered(self, status: int, refused: int) -> None:
        if self._failures:
            log.info("collector.reached", collector=self.place, failures=self._failures)
            self._failures = 0
        if refused:
            DROPPED.labels("collector").inc(refused)
            log.warning("collector.refused", collector=self.place, status=status, spans=refused)

    async def stop(self) -> None:
        """Send what waits, once and not for long; what is left is dropped."""
        if self._task is not None:
            await end(self._task)
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                await self.send()
        except TimeoutError:
            self._failed("it did not answer in time")
        if self._waiting:
            DROPPED.labels("collector").inc(len(self._waiting))
            self._waiting.clear()


def rejected_of(reply: Reply) -> int:
    """Return how many spans of a taken request the collector did not take; it may say so in its answer."""
    try:
        said = orjson.loads(reply.excerpt or b"{}")
        return max(0, int(said.get("partialSuccess", {}).get("rejectedSpans", 0)))
    except (ValueError, TypeError, AttributeError):
        return 0
