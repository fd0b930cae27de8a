"""All Subscriptions at work in this process, kept equal to their bucket.

Level-triggered: news of a change only marks a Subscription; what is then done follows from what the bucket holds now.
A missed, repeated or late piece of news heals itself, and a Subscription that fails holds up no other.
"""

import asyncio

import structlog

from contracts import subjects
from hub.dispatch.conditions import breaker_status, refused_status, status_of
from hub.dispatch.consumer.line import Line
from hub.dispatch.consumer.pulling import Pulling
from hub.dispatch.consumer.running import Parts, Running
from hub.dispatch.consumer.telling import Telling
from hub.dispatch.model import Start
from hub.dispatch.planning import Plan, plan_of
from hub.dispatch.positions import moment_of, start_in
from hub.kernel.clock import rfc3339
from hub.kernel.ending import end
from hub.kernel.errors import BrokerUnavailable, HubError, RevisionConflict
from hub.kernel.resource import Resource
from hub.kernel.state import Entry

log = structlog.get_logger()
_AT_ONCE = 16
_RETRY_SECONDS = 2.0
# Whoever takes a new Subscription in also makes its consumer; the others look after it when that did not happen.
_CREATION_SECONDS = 3.0


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
        await self._run(entry.key, plan, is_kept=bool(problem))
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

    async def _run(self, key: str, plan: Plan, *, is_kept: bool) -> None:
        running = self.running.get(key)
        if running is not None and running.plan.uid != plan.uid:
            await self._end(key)
            running = None
        if running is None:
            running = self.running[key] = self._make(key, plan)
            log.info("subscription.started", subscription=plan.label, sink=plan.sink.kind)
        await running.use(plan, is_kept=is_kept)

    def _make(self, key: str, plan: Plan) -> Running:
        parts = self._parts

        def mark() -> None:
            self.mark(key, again=True)

        pulling = Pulling(
            plan.durable,
            parts.intake,
            parts.tools.outbox,
            take=lambda message: line.take(message),  # noqa: PLW0108 - the line comes after
            on_lost=mark,
        )
        telling = Telling(parts, key, mark)
        line = Line(plan, parts.tools, pulling, telling.breaker_changed, telling.sink_gone)
        return Running(parts, plan, pulling, line)

    async def _end(self, key: str) -> None:
        running = self.running.pop(key, None)
        if running is not None:
            await running.end()

    def renew(self) -> None:
        """Ask for events anew, after a reconnect."""
        for running in self.running.values():
            running.renew()

    async def stop(self, grace_seconds: float) -> None:
        """Take nothing more, finish what is under way within the grace time, give the rest back at once."""
        self.is_open = False
        await end(self._following)
        running = list(self.running.values())
        await asyncio.gather(*(each.stop() for each in running))
        for each in running:
            each.line.close()
        under_way = {task for each in running for task in each.line.tasks()}
        if under_way:
            await asyncio.wait(under_way, timeout=grace_seconds)
        await asyncio.gather(*map(end, under_way))
        for each in running:
            each.line.give_back_all()
