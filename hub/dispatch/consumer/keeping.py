"""What has to be done again and again: signs of life, leases, and the removal of what a killed worker left behind."""

import asyncio
import time

import structlog

from hub.dispatch.consumer.lines import Lines, Parts, Running
from hub.kernel.ending import end
from hub.kernel.errors import HubError

log = structlog.get_logger()
_PRUNE_SECONDS = 15.0


class Keeping:
    """The clockwork of this process: one task for each rhythm, whatever is in hand."""

    def __init__(self, parts: Parts, lines: Lines) -> None:
        """Prepare; `start` begins."""
        self._parts = parts
        self._lines = lines
        self._tasks: list[asyncio.Task[None]] = []
        self._leasing = asyncio.Lock()
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
            await asyncio.sleep(self._parts.leases.seconds / 4)

    async def keep_leases(self) -> None:
        """Take or renew the leases of all Subscriptions with ordering."""
        async with self._leasing:
            for running in list(self._lines.running.values()):
                if running.plan.policy.ordering_key is not None:
                    await self._keep_lease(running)

    async def _keep_lease(self, running: Running) -> None:
        try:
            held = await self._parts.leases.hold(running.plan.durable)
            if held is not None and running.opens_at is None:
                if not running.is_halted:
                    running.line.gather()
                running.opens_at = await self._time_to_open(running.plan.durable, is_clean=held[1])
        except HubError as error:
            log.debug("lease.unknown", subscription=running.plan.label, error=error.detail)
            if running.is_leased and time.monotonic() > running.line.leased_until:
                self._lose(running)
            return
        if held is None:
            self._lose(running)
            return
        running.line.lease(held[0])
        if not running.is_leased and running.opens_at is not None and time.monotonic() >= running.opens_at:
            running.is_leased = True
            log.info("lease.taken", subscription=running.plan.label)
            if not running.is_halted:
                running.line.open()

    async def _time_to_open(self, durable: str, *, is_clean: bool) -> float:
        """Return when deliveries may begin: events that others may still have in hand come before newer ones."""
        found = None if is_clean else await self._parts.consumers.find(durable)
        wait = self._parts.settings.ack_wait_seconds if found is not None and found.num_ack_pending else 0.0
        return time.monotonic() + wait

    def _lose(self, running: Running) -> None:
        if running.is_leased:
            log.info("lease.lost", subscription=running.plan.label)
        running.is_leased, running.opens_at = False, None
        running.line.abandon()

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
        await asyncio.gather(*map(end, self._tasks))
        for running in self._lines.running.values():
            if running.is_leased:
                try:
                    await self._parts.leases.release(running.plan.durable)
                except HubError as error:
                    log.debug("lease.unknown", subscription=running.plan.label, error=error.detail)
