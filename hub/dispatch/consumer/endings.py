"""The ends of attempts that are no plain success: their records and their dead letters.

The order is the promise: the dead letter is stored first, the event is given up after that. When it cannot be stored
the event stays, and comes again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import orjson
import structlog
from nats.errors import Error as NatsError
from nats.js.errors import APIError, NotFoundError

from contracts import subjects
from contracts.delivery.v1 import EventDeadLettered
from contracts.envelope import Contract, decode_value
from hub.dispatch.consumer.inbox import Inbox
from hub.dispatch.consumer.intake import Message
from hub.dispatch.consumer.outbox import Outbox
from hub.dispatch.ending import Attempt, letter_headers, record_of
from hub.dispatch.metering import ATTEMPTS_UNRECORDED
from hub.dispatch.model import Answer, Delivery
from hub.dispatch.planning import Plan
from hub.dispatch.retrying import Verdict
from hub.kernel.broker import Bus
from hub.kernel.errors import HubError
from hub.kernel.trace import trace_id_of

log = structlog.get_logger()
Publish = Callable[[Contract], Awaitable[None]]
_ANNOUNCEMENTS_AT_ONCE = 100


class Endings:
    """Keeps what must outlast a delivery."""

    def __init__(self, bus: Bus, inbox: Inbox, outbox: Outbox, publish: Publish) -> None:
        """Prepare; `publish` takes contract events."""
        self._bus = bus
        self._outbox = outbox
        self._publish = publish
        self._receipts = inbox.open(self._recorded)
        self._unconfirmed = 0
        self._announcing: set[asyncio.Task[None]] = set()

    def record(self, plan: Plan, delivery: Delivery, attempt: Attempt) -> None:
        """Record an attempt for the timeline of its event. Sent without waiting: no delivery depends on it."""
        body = record_of(plan, delivery, attempt)
        self._unconfirmed += 1
        subject = subjects.attempts(plan.scope, plan.name)
        self._outbox.send(subject, body, reply=self._receipts, on_lost=self._unrecorded, is_awaited=False)

    def _recorded(self, message: Message) -> None:
        self._unconfirmed -= 1
        if (message.headers or {}).get("Status") or "error" in orjson.loads(message.data or b"{}"):
            ATTEMPTS_UNRECORDED.inc()

    def _unrecorded(self) -> None:
        self._unconfirmed -= 1
        ATTEMPTS_UNRECORDED.inc()

    def reconnected(self) -> None:
        """Count the records whose receipts were lost with the connection as lost."""
        ATTEMPTS_UNRECORDED.inc(max(0, self._unconfirmed))
        self._unconfirmed = 0

    async def bury(self, plan: Plan, delivery: Delivery, verdict: Verdict, answer: Answer, attempts: int) -> bool:
        """Store a dead letter; returns whether it is stored, so that the event may be given up."""
        headers = letter_headers(plan, delivery, verdict, answer, attempts)
        try:
            receipt = await self._bus.publish(subjects.dead(plan.scope, plan.name), delivery.body, headers)
            if receipt.duplicate and not await self._is_kept(receipt.sequence):
                # The one it repeats was taken off meanwhile: replayed or dropped, and the event failed again.
                headers["Nats-Msg-Id"] += f"/{receipt.sequence}/{time.time_ns()}"
                receipt = await self._bus.publish(subjects.dead(plan.scope, plan.name), delivery.body, headers)
        except (HubError, NatsError, APIError, TimeoutError) as error:
            log.warning("dead_letter.refused", subscription=plan.label, error=getattr(error, "detail", repr(error)))
            return False
        names = {name: decode_value(delivery.attribute(name)) or "unknown" for name in ("id", "source", "type")}
        log.error(
            "delivery.dead_lettered",
            subscription=plan.label,
            event_id=names["id"],
            trace_id=trace_id_of(delivery.headers.get("traceparent", "")),
            error=verdict.reason,
            attempts=attempts,
            status=answer.status,
        )
        self.announce(
            EventDeadLettered(
                scope=plan.scope,
                subscription=plan.name,
                event_id=names["id"],
                source=names["source"],
                type=names["type"],
                sequence=delivery.sequence,
                attempts=attempts,
                status=answer.status if answer.status is not None and 100 <= answer.status < 600 else None,
                error=verdict.kind,
                detail=verdict.reason,
                dead_sequence=receipt.sequence,
            )
        )
        return True

    async def _is_kept(self, sequence: int) -> bool:
        try:
            await self._bus.js.get_msg(subjects.DEAD, seq=sequence)
        except NotFoundError:
            return False
        return True

    def announce(self, model: Contract) -> None:
        """Publish a contract event, as a hint: a sink that fails a thousand times must not flood the bus with it."""
        if len(self._announcing) >= _ANNOUNCEMENTS_AT_ONCE:
            return
        task = asyncio.create_task(self._try_to_publish(model), name="dispatch-announcement")
        self._announcing.add(task)
        task.add_done_callback(self._announcing.discard)

    async def _try_to_publish(self, model: Contract) -> None:
        try:
            await self._publish(model)
        except HubError as error:
            log.debug("announcement.lost", error=error.detail)

    async def stop(self) -> None:
        """Let the announcements go out."""
        await asyncio.gather(*self._announcing, return_exceptions=True)
