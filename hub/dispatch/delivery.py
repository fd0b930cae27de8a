"""One attempt from beginning to end: send, judge, settle, record. Knows NATS through `consumer`."""

import asyncio
import random
import re
import time
from dataclasses import dataclass
from urllib.parse import unquote

import orjson
import structlog

from contracts import subjects
from hub.dispatch.consumer import settle
from hub.dispatch.filters.candidate import Predicate
from hub.dispatch.matching import find_refusal
from hub.dispatch.model import Answer, Delivery, Sink
from hub.dispatch.policy import Policy
from hub.dispatch.retrying import Verdict, judge
from hub.dispatch.settings import DispatchSettings
from hub.dispatch.sinks.function import FunctionSink
from hub.dispatch.sinks.http import HttpSink
from hub.kernel import metrics
from hub.kernel.errors import HubError
from hub.kernel.room import RoomHouse

log = structlog.get_logger()
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_HEADER_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Plan:
    """Where and how a Subscription's events are delivered."""

    scope: str
    name: str
    sink: Sink
    policy: Policy
    limit: int
    filters: tuple[Predicate, ...] = ()
    """All must hold; what they refuse is passed over and counted."""

    @property
    def label(self) -> str:
        """Return scope and name, for logs and counters."""
        return f"{self.scope}/{self.name}"


class Deliverer:
    """Makes attempts."""

    def __init__(self, settings: DispatchSettings, house: RoomHouse) -> None:
        """Share the house's clients."""
        self._settings = settings
        self._bus = house.bus
        self._http = HttpSink(house.outbound, house.clock)
        self._function = FunctionSink(house.bus.nc)

    async def deliver(self, plan: Plan, delivery: Delivery) -> None:
        """Make one attempt and settle it; an event that the filters refuse needs none."""
        refusal = find_refusal(plan.filters, delivery.headers, delivery.body)
        if refusal is not None:
            metrics.DELIVERIES.labels(plan.label, "filter_failed" if refusal.error else "filtered").inc()
            await settle(self._bus.nc, delivery, b"+ACK")
            return
        if delivery.attempt > plan.policy.max_attempts:
            reason = f"{delivery.attempt - 1} attempts ended without an answer: a crash or a stop."
            await self._bury(plan, delivery, Verdict("dead_letter", "no-answer", reason), Answer(None))
            return
        began = time.perf_counter()
        with metrics.IN_FLIGHT.track_inprogress():
            answer = await self._send(plan, delivery)
        seconds = time.perf_counter() - began
        # The jitter spreads load; nothing secret depends on it.
        verdict = judge(answer, delivery, plan.policy, time.time(), random.random())  # noqa: S311 - jitter only
        metrics.DELIVERY_SECONDS.observe(seconds)
        metrics.DELIVERIES.labels(plan.label, verdict.action).inc()
        await self._record(plan, delivery, answer, verdict, seconds)
        await self._conclude(plan, delivery, answer, verdict)

    async def _send(self, plan: Plan, delivery: Delivery) -> Answer:
        alive = asyncio.create_task(self._say_alive(delivery))
        try:
            sink: HttpSink | FunctionSink = self._http if plan.sink.kind == "http" else self._function
            return await sink.send(plan.sink, delivery, plan.policy.timeout_seconds)
        finally:
            alive.cancel()

    async def _say_alive(self, delivery: Delivery) -> None:
        while True:
            await asyncio.sleep(self._settings.ack_wait_seconds / 2)
            await settle(self._bus.nc, delivery, b"+WPI")

    async def _conclude(self, plan: Plan, delivery: Delivery, answer: Answer, verdict: Verdict) -> None:
        if verdict.action == "ack":
            await settle(self._bus.nc, delivery, b"+ACK")
        elif verdict.action == "retry":
            await self._again(delivery, verdict.pause_seconds)
        else:
            await self._bury(plan, delivery, verdict, answer)

    async def _again(self, delivery: Delivery, seconds: float) -> None:
        await settle(self._bus.nc, delivery, b'-NAK {"delay": %d}' % int(seconds * 1e9))

    async def _bury(self, plan: Plan, delivery: Delivery, verdict: Verdict, answer: Answer) -> None:
        headers = {name: value for name, value in delivery.headers.items() if not name.startswith("Nats-")}
        headers |= {
            "Hub-Reason": _line(verdict.reason),
            "Hub-Kind": verdict.kind,
            "Hub-Attempts": str(min(delivery.attempt, plan.policy.max_attempts)),
            "Hub-Status": str(answer.status or ""),
            "Hub-Subject": delivery.subject,
            "Hub-Stream-Sequence": str(delivery.sequence),
            "Hub-Subscription": plan.label,
            "Hub-Response": _line(answer.excerpt),
            "Nats-Msg-Id": f"dead/{plan.label}/{delivery.sequence}",
        }
        try:
            await self._bus.publish(subjects.dead(plan.scope, plan.name), delivery.body, headers)
        except HubError as error:
            log.warning("dead_letter.refused", subscription=plan.label, error=error.detail)
            await self._again(delivery, plan.policy.backoff.wait(delivery.attempt))
            return
        await settle(self._bus.nc, delivery, b"+TERM")
        log.error("delivery.dead_lettered", subscription=plan.label, error=verdict.reason, attempts=delivery.attempt)

    async def _record(
        self, plan: Plan, delivery: Delivery, answer: Answer, verdict: Verdict, seconds: float
    ) -> None:
        if verdict.action == "ack" and not self._settings.record_successes:
            return
        record = {
            "id": unquote(delivery.attribute("id")),
            "source": unquote(delivery.attribute("source")),
            "type": unquote(delivery.attribute("type")),
            "subscription": plan.name,
            "scope": plan.scope,
            "attempt": delivery.attempt,
            "status": answer.status,
            "error": verdict.reason,
            "seconds": round(seconds, 6),
            "outcome": verdict.action,
        }
        try:
            await self._bus.nc.publish(subjects.attempts(plan.scope, plan.name), orjson.dumps(record))
        except Exception as error:
            log.debug("attempt.unrecorded", subscription=plan.label, error=repr(error))


def _line(text: str) -> str:
    return _CONTROL.sub(" ", text).encode("ascii", "replace").decode()[:_HEADER_LIMIT].strip()
