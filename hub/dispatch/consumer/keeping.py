"""What has to be done again and again: signs of life, leases, and the removal of what a killed worker left behind."""

import asyncio
import time

import structlog

from hub.dispatch.consumer.leases import SIGNS_PER_LEASE
from hub.dispatch.consumer.lines import Lines
from hub.dispatch.consumer.running import Parts, Running
from hub.kernel.ending import end
from hub.kernel.errors import HubError, RevisionConflict

log = structlog.get_logger()
_PRUNE_SECONDS = 15.0
_AT_ONCE = 32


class Keeping:
    """The clockwork of this process: one task for each rhythm, whatever is in hand."""

    def __init__(self, parts: Parts, lines: Lines) -> None:
        """Prepare; `start` begins."""
        self._parts = parts
        self._lines = lines
        self._tasks: list[asyncio.Task[None]] = []
        self._leasing = asyncio.Lock()
        self._limit = asyncio.Semaphore(_AT_ONCE)
        self._lapse: asyncio.TimerHandle | None = None
        # Asked besides the cancellation, which a request whose answer comes in the same moment may swallow.
        self._is_running = True

    def start(self) -> None:
        """Begin."""
        rhythms = (self._stay_alive, self._keep_leases, self._sweep_on, self._prune)
        self._tasks = [asyncio.create_task(rhythm(), name=f"dispatch{rhythm.__name__}") for rhythm in rhythms]

    async def _stay_alive(self) -> None:
        loop = asyncio.get_running_loop()
        pause = self._parts.settings.ack_wait_seconds / 4
        while self._is_running:
            await asyncio.sleep(pause)
            now = loop.time()
            for running in self._lines.running.values():
                running.line.touch(now, pause * 0.9)
                running.pulling.drop_expired(now)

    async def _keep_leases(self) -> None:
        while self._is_running:
            await self.keep_leases()
            await asyncio.sleep(self._parts.leases.seconds / SIGNS_PER_LEASE)

    async def keep_leases(self) -> None:
        """Give a sign of life, and take what leases nobody has of Subscriptions with ordering."""
        async with self._leasing:
            try:
                until = await self._parts.leases.give_sign()
            except RevisionConflict:
                for running in self._lines.running.values():
                    running.lose_lease()
                return
            except HubError as error:  # what it holds runs out unless the next one succeeds
                log.debug("lease.unknown", error=error.detail)
                return
            ordered = [each for each in self._lines.running.values() if each.plan.policy.ordering_key is not None]
            for running in ordered:
                if running.holds_lease:
                    running.lease(until)
            self._lapse_at(until)
            await asyncio.gather(*(self._keep_lease(running, until) for running in ordered))

    async def _keep_lease(self, running: Running, until: float) -> None:
        async with self._limit:
            try:
                holds = running.holds_lease or (
                    self._lines.is_open and await self._parts.leases.hold(running.plan.durable)
                )
            except HubError as error:
                log.debug("lease.unknown", subscription=running.plan.label, error=error.detail)
                return
        if holds and not running.holds_lease and self._lines.running.get(running.plan.key) is running:
            running.lease(until)
        running.collect_once()

    def _lapse_at(self, until: float) -> None:
        """See to it that nothing is under way any more when the leases run out, whatever this process waits for."""
        if self._lapse is not None:
            self._lapse.cancel()
        self._lapse = asyncio.get_running_loop().call_later(until - time.monotonic(), self._lapsed)

    def _lapsed(self) -> None:
        now = time.monotonic() + 0.001
        for running in self._lines.running.values():
            if running.line.leased_until <= now:
                running.lose_lease()

    async def _sweep_on(self) -> None:
        while self._is_running:
            try:
                await self.sweep()
            except HubError as error:
                log.debug("sweep.postponed", error=error.detail)
            await asyncio.sleep(self._parts.settings.sweep_seconds)

    async def sweep(self) -> None:
        """Remove consumers whose Subscription is gone.

        A consumer is only ever made after its Subscription was stored, so one without is a left-over, or its removal
        is under way. A Subscription of the same name that is stored in this very moment is looked at again.

        Raises:
            BrokerUnavailable: nats-server does not answer.
        """
        for key, durable in (await self._parts.consumers.owners()).items():
            if await self._parts.bucket.get(key) is None:
                await self._lines.reconcile(key)
                log.info("consumer.swept", consumer=durable)
                self._lines.mark(key, again=True)

    async def _prune(self) -> None:
        while self._is_running:
            await asyncio.sleep(_PRUNE_SECONDS)
            self._parts.tools.outside.poster.prune()

    async def stop(self) -> None:
        """End, and give back the leases."""
        self._is_running = False
        if self._lapse is not None:
            self._lapse.cancel()
        await asyncio.gather(*map(end, self._tasks))
        held = [running for running in self._lines.running.values() if running.holds_lease]
        try:
            await asyncio.gather(*(self._release(running) for running in held))
            await self._parts.leases.leave()
        except HubError as error:
            log.debug("lease.unknown", error=error.detail)

    async def _release(self, running: Running) -> None:
        running.stop_collecting()
        async with self._limit:
            await self._parts.leases.release(running.plan.durable)
