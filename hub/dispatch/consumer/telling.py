"""What a line learns of its sink goes into the Subscription's status: the state of its breaker, and that it is gone."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from contracts.subscription.v1 import SubscriptionPaused, SubscriptionResumed
from hub.dispatch.conditions import breaker_status
from hub.dispatch.consumer.line import Line
from hub.dispatch.consumer.running import Parts
from hub.dispatch.metering import BREAKER_STATE
from hub.kernel.clock import rfc3339
from hub.kernel.errors import HubError, RevisionConflict

log = structlog.get_logger()
_BREAKER_STATES = {"closed": 0, "half-open": 1, "open": 2}
_RETRIES = 3


class Telling:
    """Tells what one line noticed, beside its deliveries."""

    def __init__(self, parts: Parts, key: str, mark: Callable[[], None]) -> None:
        """Prepare; `mark` lets the Subscription of this key be looked at again."""
        self._parts = parts
        self._key = key
        self._mark = mark
        self._tasks: set[asyncio.Task[None]] = set()

    def _begin(self, telling: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(telling, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def breaker_changed(self, line: Line) -> None:
        """Announce that the circuit breaker opened or closed, and note its state."""
        plan, state = line.plan, line.breaker.state
        BREAKER_STATE.labels(plan.label).set(_BREAKER_STATES[state])
        announce = self._parts.tools.endings.announce
        if state == "open":
            announce(SubscriptionPaused(scope=plan.scope, name=plan.name, reason="breaker_open"))
        elif state == "closed":
            announce(SubscriptionResumed(scope=plan.scope, name=plan.name))
        self._begin(self._note_breaker(line), "dispatch-breaker-status")

    async def _note_breaker(self, line: Line) -> None:
        now, bucket = rfc3339(self._parts.clock.now()), self._parts.bucket
        for _ in range(_RETRIES):
            try:
                entry = await bucket.get(self._key)
                if entry is None:
                    return
                said = breaker_status(line.breaker.state, now, line.breaker.failures)
                status = entry.value.status | {"circuitBreaker": said}
                await bucket.put(self._key, entry.value.with_status(status), revision=entry.revision)
            except RevisionConflict:
                continue
            except HubError as error:
                log.debug("breaker.untold", subscription=self._key, error=error.detail)
            return

    def sink_gone(self, line: Line) -> None:
        """Pause the Subscription for good."""
        log.error("sink.gone", subscription=line.plan.label)
        self._begin(self._pause_for_good(), "dispatch-sink-gone")

    async def _pause_for_good(self) -> None:
        try:
            await self._parts.pausing.pause(self._key, "sink_gone")
        except HubError as error:  # it goes on, and the next answer says the same
            log.warning("sink.unpaused", subscription=self._key, error=error.detail)
        self._mark()
