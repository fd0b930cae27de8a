"""All Subscriptions at work in this process, kept equal to their bucket.

Level-triggered: news of a change only marks a Subscription; what is then done follows from what the bucket holds now.
A missed, repeated or late piece of news heals itself, and a Subscription that fails holds up no other.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from nats.errors import Error as NatsError

from contracts import subjects
from contracts.subscription.v1 import SubscriptionPaused, SubscriptionResumed
from hub.dispatch.conditions import breaker_status, refused_status, status_of
from hub.dispatch.consumer.attempts import Tools
from hub.dispatch.consumer.collecting import collect
from hub.dispatch.consumer.intake import Intake
from hub.dispatch.consumer.leases import Leases
from hub.dispatch.consumer.line import Line
from hub.dispatch.consumer.pulling import EXPIRES_SECONDS, Pulling
from hub.dispatch.metering import BREAKER_STATE
from hub.dispatch.model import Start
from hub.dispatch.pausing import Pausing
from hub.dispatch.planning import Plan, plan_of
from hub.dispatch.positions import moment_of, start_in
from hub.dispatch.settings import DispatchSettings
from hub.dispatch.store import Consumers
from hub.kernel.clock import Clock, rfc3339
from hub.kernel.ending import end
from hub.kernel.errors import BrokerUnavailable, HubError, RevisionConflict
from hub.kernel.resource import Resource
from hub.kernel.state import Bucket, Entry

log = structlog.get_logger()
_AT_ONCE = 16
_RETRY_SECONDS = 2.0
# Whoever takes a new Subscription in also makes its consumer; the others look after it when that did not happen.
_CREATION_SECONDS = 3.0
# What others had in hand comes again within one such time; what went to a request of theirs meanwhile, after another.
_COLLECTING_PER_ACK_WAIT = 3
_BREAKER_STATES = {"closed": 0, "half-open": 1, "open": 2}


@dataclass(frozen=True, slots=True)
class Parts:
    """What lines are made from."""

    bucket: Bucket[Resource]
    pausing: Pausing
    consumers: Consumers
    leases: Leases
    tools: Tools
    intake: Intake
    clock: Clock
    settings: DispatchSettings


@dataclass(slots=True, eq=False)
class Running:
    """A Subscription at work."""

    plan: Plan
    pulling: Pulling
    line: Line
    holds_lease: bool = False
    """With ordering: whether no other process may deliver."""
    is_leased: bool = False
    """With ordering: whether this process delivers: it holds the lease, and what others had in hand has come in."""
    collecting: asyncio.Task[None] | None = None
    """Waits for what others had in hand."""
    is_halted: bool = False
    """Paused, or kept from delivering by what the status says."""

    def stop_collecting(self) -> None:
        """Wait no longer for what others had in hand."""
        if self.collecting is not None:
            self.collecting.cancel()
            self.collecting = None


class Lines:
    """Starts, changes and ends the deliveries of Subscriptions."""

    def __init__(self, parts: Parts) -> None:
        """Prepare; `start` begins to work."""
        self._parts = parts
        self.running: dict[str, Running] = {}
        self._marked: dict[str, bool] = {}
        self._something = asyncio.Event()
        self._locks: dict[str, asyncio.Lock] = {}
        self._limit = asyncio.Semaphore(_AT_ONCE)
        self._following: asyncio.Task[None] | None = None
        self.is_open = True
        """Whether Subscriptions are taken up; not any more once this process stops."""

    @property
    def under_way(self) -> int:
        """Return how many attempts are under way."""
        return sum(running.line.under_way for running in self.running.values())

    def start(self) -> None:
        """Begin to act on marks."""
        self._following = asyncio.create_task(self._follow(), name="dispatch-reconciler")

    def mark(self, key: str, *, again: bool = False) -> None:
        """Look at a Subscription soon; with `again` even when its spec is what it was."""
        self._marked[key] = again or self._marked.get(key, False)
        self._something.set()

    def _mark_later(self, key: str, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, lambda: self.mark(key, again=True))

    async def _follow(self) -> None:
        while self.is_open:
            await self._something.wait()
            self._something.clear()
            marked, self._marked = self._marked, {}
            await asyncio.gather(*(self._look_at(key, again) for key, again in marked.items()))

    async def _look_at(self, key: str, again: bool) -> None:
        async with self._limit:
            try:
                await self.reconcile(key, again=again)
            except HubError as error:
                log.warning("subscription.waiting", subscription=key, error=error.detail)
                self._mark_later(key, _RETRY_SECONDS)
            except Exception:
                log.exception("bug.caught", subscription=key)

    async def reconcile(self, key: str, *, start: Start | None = None, again: bool = False) -> None:
        """Make one Subscription's consumer and line equal to what the bucket holds.

        Args:
            key: of the Subscription.
            start: where its consumer begins, when it has to be made.
            again: look closely even when the spec is what it was.

        Raises:
            BrokerUnavailable: nats-server does not answer.
        """
        async with self._locks.setdefault(key, asyncio.Lock()):
            entry = await self._parts.bucket.get(key)
            if entry is None:
                await self._end(key)
                await self._parts.consumers.remove(*subjects.split_key(key))
            elif self.is_open and not self._is_known(entry.value, again):
                await self._bring_up(entry, start)

    async def remake(self, key: str) -> None:
        """Remove the consumer of a Subscription and make it anew, where its status says that it begins.

        Raises:
            BrokerUnavailable: nats-server does not answer.
        """
        async with self._locks.setdefault(key, asyncio.Lock()):
            await self._parts.consumers.remove(*subjects.split_key(key))
            if key in self.running:
                self.running[key].line.give_back_waiting()
        await self.reconcile(key, again=True)

    def _is_known(self, resource: Resource, again: bool) -> bool:
        running = self.running.get(resource.key)
        if running is None or again:
            return False
        return (running.plan.uid, running.plan.generation) == (resource.uid, resource.generation)

    async def _bring_up(self, entry: Entry[Resource], start: Start | None) -> None:
        resource, now = entry.value, self._parts.clock.now()
        if start is None and not resource.status and resource.created:
            age = now.timestamp() - moment_of(resource.created).timestamp()
            if age < _CREATION_SECONDS:
                self._mark_later(entry.key, _CREATION_SECONDS - age)
                return
        try:
            plan = plan_of(resource, self._parts.settings.service_urls, self._parts.settings.prefix)
        except (HubError, KeyError, TypeError, ValueError) as error:
            log.error("subscription.unreadable", subscription=entry.key, error=str(error))  # noqa: TRY400 - stored data, not a bug here
            await self._end(entry.key)
            await self._write(entry, refused_status(resource.status, rfc3339(now), str(error)))
            return
        try:
            await self._parts.consumers.ensure(plan, start or start_in(resource))
        except BrokerUnavailable as error:
            await self._write(entry, status_of(plan, resource.status, rfc3339(now), error.detail))
            raise
        problem = self._find_problem(plan)
        is_new = entry.key not in self.running
        await self._run(entry.key, plan, problem)
        status = status_of(plan, resource.status, rfc3339(now), problem)
        if is_new and status.get("circuitBreaker", {}).get("state", "closed") != "closed":
            # Said by a worker that is gone, or that will say it again.
            status["circuitBreaker"] = breaker_status("closed", rfc3339(now), 0)
        await self._write(entry, status)

    def _find_problem(self, plan: Plan) -> str:
        """Return why events cannot be delivered though their consumer is there; empty when they can."""
        if plan.policy.signing_secret is None:
            return ""
        try:
            self._parts.tools.outside.signing_keys(plan.scope, plan.policy.signing_secret)
        except HubError as error:
            return error.detail
        return ""

    async def _write(self, entry: Entry[Resource], status: dict[str, object]) -> None:
        if status == entry.value.status:
            return
        try:
            await self._parts.bucket.put(entry.key, entry.value.with_status(status), revision=entry.revision)
        except RevisionConflict:  # somebody was faster, and what they wrote is looked at in turn
            self.mark(entry.key, again=True)

    async def _run(self, key: str, plan: Plan, problem: str) -> None:
        running = self.running.get(key)
        if running is not None and running.plan.uid != plan.uid:
            await self._end(key)
            running = None
        if running is None:
            running = self.running[key] = self._make(key, plan)
            log.info("subscription.started", subscription=plan.label, sink=plan.sink.kind)
        elif running.plan.generation != plan.generation:
            log.info("subscription.changed", subscription=plan.label, sink=plan.sink.kind)
            running.line.use(plan)
        running.plan = plan
        running.is_halted = bool(problem) or plan.is_paused
        if running.is_halted:
            await self._halt(running)
            return
        # A request must not outlive a lease: what came to it then would be late wherever it is delivered.
        is_ordered = plan.policy.ordering_key is not None
        running.pulling.expires_seconds = self._parts.leases.seconds if is_ordered else EXPIRES_SECONDS
        await self._start(running)
        if not is_ordered:
            running.line.leased_until = float("inf")
            running.line.open()
        elif running.is_leased:
            running.line.open()
        elif running.holds_lease:
            self.collect(running)

    def collect(self, running: Running) -> None:
        """Let what others may have in hand come in, and deliver after that."""
        running.stop_collecting()
        running.is_leased = False
        if self.is_open and not running.is_halted:
            running.line.gather()
            running.collecting = asyncio.create_task(self._collect(running), name="dispatch-collecting")

    async def _collect(self, running: Running) -> None:
        limit = self._parts.settings.ack_wait_seconds * _COLLECTING_PER_ACK_WAIT
        await collect(running.line, self._parts.consumers, limit)
        running.is_leased, running.collecting = True, None
        running.line.open()

    async def _halt(self, running: Running) -> None:
        """Let nothing more come in, not even what was asked for, and give back what waits."""
        running.stop_collecting()
        running.line.shut()
        await running.pulling.stop()
        running.line.give_back_waiting()

    async def _start(self, running: Running) -> None:
        try:
            await running.pulling.start()
        except NatsError as error:
            raise BrokerUnavailable from error

    def _make(self, key: str, plan: Plan) -> Running:
        parts = self._parts
        pulling = Pulling(
            plan.durable,
            parts.intake,
            parts.tools.outbox,
            take=lambda message: line.take(message),  # noqa: PLW0108 - the line comes after
            on_lost=lambda: self.mark(key, again=True),
        )
        line = Line(plan, parts.tools, pulling, self._soon(key), lambda line: self._gone(key, line))
        running = Running(plan, pulling, line)
        line.on_gap = lambda: self.collect(running)
        return running

    def _soon(self, key: str) -> Callable[[Line], None]:
        return lambda line: self._breaker_changed(key, line)

    def _breaker_changed(self, key: str, line: Line) -> None:
        plan, state = line.plan, line.breaker.state
        BREAKER_STATE.labels(plan.label).set(_BREAKER_STATES[state])
        if state == "open":
            self._parts.tools.endings.announce(
                SubscriptionPaused(scope=plan.scope, name=plan.name, reason="breaker_open")
            )
        elif state == "closed":
            self._parts.tools.endings.announce(SubscriptionResumed(scope=plan.scope, name=plan.name))
        task = asyncio.create_task(self._tell_breaker(key, line), name="dispatch-breaker-status")
        line.telling.add(task)
        task.add_done_callback(line.telling.discard)

    async def _tell_breaker(self, key: str, line: Line) -> None:
        now = rfc3339(self._parts.clock.now())
        for _ in range(3):
            try:
                entry = await self._parts.bucket.get(key)
                if entry is None:
                    return
                said = breaker_status(line.breaker.state, now, line.breaker.failures)
                status = entry.value.status | {"circuitBreaker": said}
                await self._parts.bucket.put(key, entry.value.with_status(status), revision=entry.revision)
            except RevisionConflict:
                continue
            except HubError as error:
                log.debug("breaker.untold", subscription=key, error=error.detail)
            return

    def _gone(self, key: str, line: Line) -> None:
        log.error("sink.gone", subscription=line.plan.label)
        task = asyncio.create_task(self._pause_for_good(key), name="dispatch-sink-gone")
        line.telling.add(task)
        task.add_done_callback(line.telling.discard)

    async def _pause_for_good(self, key: str) -> None:
        try:
            await self._parts.pausing.pause(key, "sink_gone")
        except HubError as error:  # it goes on, and the next answer says the same
            log.warning("sink.unpaused", subscription=key, error=error.detail)
        self.mark(key, again=True)

    async def _end(self, key: str) -> None:
        """Let a Subscription go; attempts under way come to their end."""
        running = self.running.pop(key, None)
        if running is not None:
            running.stop_collecting()
            running.line.shut()
            await running.pulling.stop()
            running.line.close()
            if running.line.breaker.opened_at:
                BREAKER_STATE.remove(running.plan.label)
            log.info("subscription.ended", subscription=running.plan.label)

    def renew(self) -> None:
        """Ask for events anew, after a reconnect.

        What was on its way over the old connection comes again after a while: where order matters, newer ones wait.
        """
        for running in self.running.values():
            if running.holds_lease and not running.is_halted:
                self.collect(running)
            running.pulling.renew()

    async def stop(self, grace_seconds: float) -> None:
        """Take nothing more, finish what is under way within the grace time, give the rest back at once."""
        self.is_open = False
        await end(self._following)
        running = list(self.running.values())
        for each in running:
            each.stop_collecting()
        # From here on nats-server hands out nothing to this process.
        await asyncio.gather(*(each.pulling.stop() for each in running))
        for each in running:
            each.line.close()
        under_way = {task for each in running for task in each.line.tasks()}
        if under_way:
            await asyncio.wait(under_way, timeout=grace_seconds)
        await asyncio.gather(*map(end, under_way))
        for each in running:
            each.line.give_back_all()
