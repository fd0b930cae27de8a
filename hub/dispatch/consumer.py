"""One durable pull consumer: asks for as many events as there are free slots, and hands them out. Knows JetStream."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from contracts import subjects
from hub.dispatch.model import Delivery
from hub.kernel.errors import BrokerUnavailable

log = structlog.get_logger()
Handle = Callable[[Delivery], Coroutine[Any, Any, None]]
_EXPIRES_SECONDS = 30.0
_GIVE_UP_WAITING_SECONDS = _EXPIRES_SECONDS + 3
_NOT_THERE = 10014


async def api(client: Client, verb: str, durable: str, request: dict[str, Any]) -> dict[str, Any]:
    """Ask JetStream about a consumer of the stream of events.

    Raises:
        BrokerUnavailable: it refused or did not answer.
    """
    subject = f"$JS.API.CONSUMER.{verb}.{subjects.EVENTS}.{durable}"
    try:
        reply = await client.request(subject, orjson.dumps(request), timeout=5)
    except (NatsError, TimeoutError) as error:
        raise BrokerUnavailable from error
    answer: dict[str, Any] = orjson.loads(reply.data)
    problem = answer.get("error")
    if problem and problem.get("err_code") != _NOT_THERE:
        raise BrokerUnavailable(f"The event store refused the consumer: {problem.get('description', '')}.")
    return answer


async def declare(client: Client, durable: str, filters: list[str], created: str, ack_wait_seconds: float) -> None:
    """Create the consumer, or change its filters; its position stays."""
    config = {
        "durable_name": durable,
        "deliver_policy": "by_start_time",
        "opt_start_time": created,
        "ack_policy": "explicit",
        "ack_wait": int(ack_wait_seconds * 1e9),
        "max_deliver": -1,
        "max_ack_pending": 10_000,
        "filter_subjects": filters,
        "replay_policy": "instant",
    }
    await api(client, "CREATE", durable, {"stream_name": subjects.EVENTS, "config": config})


class Consumer:
    """Pulls for one Subscription and keeps count of what is in hand."""

    def __init__(self, client: Client, durable: str, limit: int, handle: Handle) -> None:
        """Prepare; `handle` takes a delivery and settles it."""
        self._client = client
        self._durable = durable
        self.limit = limit
        self._handle = handle
        self._asked = 0
        self._heard = 0.0
        self._wake = asyncio.Event()
        self._inbox = client.new_inbox()
        self._subscription: Subscription | None = None
        self._pulling: asyncio.Task[None] | None = None
        self.in_hand: dict[asyncio.Task[None], Delivery] = {}

    async def start(self) -> None:
        """Begin to pull."""
        self._subscription = await self._client.subscribe(
            self._inbox, cb=self._arrived, pending_msgs_limit=0, pending_bytes_limit=0
        )
        self._pulling = asyncio.create_task(self._pull(), name=f"pull-{self._durable}")

    def ask_anew(self) -> None:
        """Forget what was asked for: the connection was lost, or the server does not know of it."""
        self._asked = 0
        self._wake.set()

    async def _pull(self) -> None:
        while True:
            if self._asked and time.monotonic() - self._heard > _GIVE_UP_WAITING_SECONDS:
                self._asked = 0
            free = self.limit - len(self.in_hand) - self._asked
            if free > 0 and (self._asked == 0 or free >= max(1, self.limit // 2)):
                await self._ask(free)
            try:
                await asyncio.wait_for(self._wake.wait(), 1.0)
            except TimeoutError:
                continue
            self._wake.clear()

    async def _ask(self, count: int) -> None:
        request = orjson.dumps({"batch": count, "expires": int(_EXPIRES_SECONDS * 1e9)})
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{subjects.EVENTS}.{self._durable}"
        try:
            await self._client.publish(subject, request, reply=self._inbox)
        except NatsError as error:
            log.debug("pull.failed", consumer=self._durable, error=repr(error))
            return
        self._asked += count
        self._heard = time.monotonic()

    async def _arrived(self, message: Msg) -> None:
        self._heard = time.monotonic()
        if not message.reply.startswith("$JS.ACK."):
            self._ended(message.headers or {})
            return
        self._asked = max(0, self._asked - 1)
        task = asyncio.create_task(self._handle(delivery_of(message)))
        self.in_hand[task] = delivery_of(message)
        task.add_done_callback(self._settled)

    def _ended(self, headers: dict[str, str]) -> None:
        if headers.get("Status") == "100":
            return
        left = headers.get("Nats-Pending-Messages", "")
        self._asked = max(0, self._asked - int(left)) if left.isdigit() else 0
        # A refusal at once (consumer gone, no responders) is asked again by the loop's own pace, not in a circle.
        if left.isdigit():
            self._wake.set()

    def _settled(self, task: asyncio.Task[None]) -> None:
        self.in_hand.pop(task, None)
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("bug.caught", consumer=self._durable, error=repr(task.exception()))

    async def stop(self, grace_seconds: float) -> None:
        """Stop pulling, wait for what is in hand, give the rest back at once."""
        if self._pulling is not None:
            self._pulling.cancel()
        if self.in_hand:
            await asyncio.wait(list(self.in_hand), timeout=max(0.0, grace_seconds))
        rest = dict(self.in_hand)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        for delivery in rest.values():
            await settle(self._client, delivery, b"-NAK")
        if self._subscription is not None and not self._client.is_closed:
            await self._subscription.unsubscribe()


async def settle(client: Client, delivery: Delivery, verb: bytes) -> None:
    """Tell nats-server what became of a delivery, without waiting: lost words mean another delivery."""
    try:
        await client.publish(delivery.reply, verb)
    except NatsError as error:
        log.debug("settlement.lost", error=repr(error))


def delivery_of(message: Msg) -> Delivery:
    """Return a delivery as it came from the stream."""
    metadata = message.metadata
    return Delivery(
        headers=dict(message.headers or {}),
        body=message.data,
        subject=message.subject,
        reply=message.reply,
        attempt=metadata.num_delivered,
        sequence=metadata.sequence.stream,
        stored_at=metadata.timestamp.timestamp(),
    )
