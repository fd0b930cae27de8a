"""One Subscription at work: its line, the flow of its events, and whether this process may deliver them."""

import asyncio
from dataclasses import dataclass

import structlog
from nats.errors import Error as NatsError

from hub.dispatch.consumer.attempts import Tools
from hub.dispatch.consumer.collecting import collect
from hub.dispatch.consumer.intake import Intake
from hub.dispatch.consumer.leases import Leases
from hub.dispatch.consumer.line import Line
from hub.dispatch.consumer.pulling import EXPIRES_SECONDS, Pulling
from hub.dispatch.metering import BREAKER_STATE
from hub.dispatch.pausing import Pausing
from hub.dispatch.planning import Plan
from hub.dispatch.settings import DispatchSettings
from hub.dispatch.store import Consumers
from hub.kernel.clock import Clock
from hub.kernel.errors import BrokerUnavailable
from hub.kernel.resource import Resource
from hub.kernel.state import Bucket

log = structlog.get_logger()
# What others had in hand comes again within one such time; what went to a request of theirs meanwhile, after another.
_COLLECTING_PER_ACK_WAIT = 3


@dataclass(frozen=True, slots=True)
class Parts:
    """What Subscriptions are delivered with; one per process."""

    bucket: Bucket[Resource]
    pausing: Pausing
    consumers: Consumers
    leases: Leases
    tools: Tools
    intake: Intake
    clock: Clock
    settings: DispatchSettings


class Running:
    """A Subscription at work in this process."""

    def __init__(self, parts: Parts, plan: Plan, pulling: Pulling, line: Line) -> None:
        """Prepare; `use` begins to deliver."""
        self._parts = parts
        self.plan = plan
        self.pulling = pulling
        self.line = line
        self.holds_lease = False
        """With ordering: whether no other process may deliver."""
        self.is_leased = False
        """With ordering: whether this process delivers: it holds the lease, and what others had in hand has come in."""
        self.is_halted = False
        """Paused, kept from delivering by what the status says, or at its end."""
        self._collecting: asyncio.Task[None] | None = None
        line.on_gap = self.collect

    async def use(self, plan: Plan, *, is_kept: bool) -> None:
        """Deliver by this plan from now on.

        Args:
            plan: what the Subscription wants.
            is_kept: something keeps its events from being delivered.

        Raises:
            BrokerUnavailable: nats-server does not answer.
        """
        if self.plan.generation != plan.generation:
            log.info("subscription.changed", subscription=plan.label, sink=plan.sink.kind)
            self.line.use(plan)
        self.plan = plan
        self.is_halted = is_kept or plan.is_paused
        if self.is_halted:
            await self._halt()
        else:
            await self._deliver(is_ordered=plan.policy.ordering_key is not None)

    async def _deliver(self, *, is_ordered: bool) -> None:
        # A request must not outlive a lease: what came to it then would be late wherever it is delivered.
        self.pulling.expires_seconds = self._parts.leases.seconds if is_ordered else EXPIRES_SECONDS
        try:
            await self.pulling.start()
        except NatsError as error:
            raise BrokerUnavailable from error
        if not is_ordered:
            self.stop_collecting()
            self.holds_lease = self.is_leased = False
            self.line.leased_until = float("inf")
            self.line.open()
        elif self.is_leased:
            self.line.open()
        elif self.holds_lease:
            self.collect()

    async def _halt(self) -> None:
        """Let nothing more come in, not even what was asked for, and give back what waits."""
        self.stop_collecting()
        self.line.shut()
        await self.pulling.stop()
        self.line.give_back_waiting()

    def lease(self, until: float) -> None:
        """Deliver until then (monotonic seconds), as no other process may."""
        if not self.holds_lease:
            log.info("lease.taken", subscription=self.plan.label)
            self.holds_lease = True
        self.line.lease(until)

    def lose_lease(self) -> None:
        """Let go of everything: another process may deliver from here on."""
        if self.holds_lease:
            log.info("lease.lost", subscription=self.plan.label)
            self.holds_lease = self.is_leased = False
            self.stop_collecting()
            self.line.abandon()

    def collect_once(self) -> None:
        """Let what others may have in hand come in, unless that is under way or done."""
        if self.holds_lease and not self.is_leased and self._collecting is None:
            self.collect()

    def collect(self) -> None:
        """Let what others may have in hand come in, and deliver after that."""
        self.stop_collecting()
        self.is_leased = False
        if not self.is_halted:
            self.line.gather()
            self._collecting = asyncio.create_task(self._collect(), name="dispatch-collecting")

    async def _collect(self) -> None:
        limit = self._parts.settings.ack_wait_seconds * _COLLECTING_PER_ACK_WAIT
        await collect(self.line, self._parts.consumers, limit)
        self.is_leased, self._collecting = True, None
        self.line.open()

    def stop_collecting(self) -> None:
        """Wait no longer for what others had in hand."""
        if self._collecting is not None:
            self._collecting.cancel()
            self._collecting = None

    def renew(self) -> None:
        """Ask for events anew, after a reconnect.

        What was on its way over the old connection comes again after a while: where order matters, newer ones wait.
        """
        if self.holds_lease and not self.is_halted:
            self.collect()
        self.pulling.renew()

    async def stop(self) -> None:
        """Take nothing more; when it returns nats-server hands out nothing to this line any more."""
        self.is_halted = True
        self.stop_collecting()
        await self.pulling.stop()

    async def end(self) -> None:
        """Let the Subscription go; attempts under way come to their end."""
        self.line.shut()
        await self.stop()
        self.line.close()
        if self.line.breaker.opened_at:
            BREAKER_STATE.remove(self.plan.label)
        log.info("subscription.ended", subscription=self.plan.label)
