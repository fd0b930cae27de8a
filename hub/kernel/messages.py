"""Contract events in and out: the envelope, the outcome layer, dead letters of the control plane.

A subscriber's handler raises; this layer alone acknowledges, retries or gives up, by the pure decision of
`outcome.decide`. What is given up is published untouched to `DEAD` before the message is terminated, so that losing is
not an outcome.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import structlog
from faststream import AckPolicy, BaseMiddleware
from faststream.exceptions import NackMessage, RejectMessage
from faststream.nats import JStream, NatsBroker, NatsRouter, PullSub
from faststream.nats.message import NatsMessage
from nats.errors import Error as NatsError
from nats.js.api import ConsumerConfig

from contracts import subjects
from contracts.envelope import Contract, UnreadableContract, unwrap, wrap
from hub.kernel.backoff import Backoff
from hub.kernel.broker import Bus, connect
from hub.kernel.client import Client
from hub.kernel.clock import Clock
from hub.kernel.errors import HubError, InvalidInput
from hub.kernel.outcome import Outcome, decide, on_arrival

log = structlog.get_logger()
C = TypeVar("C", bound=Contract)
Handler = Callable[[C], Awaitable[None]]

ATTEMPTS = 10
_ACK_WAIT_SECONDS = 30.0
_ANSWER_SECONDS = 5.0
"""How long nats-server may take to find or make a consumer; a cluster that is choosing leaders may never answer."""
_BACKOFF = Backoff(policy="exponential", initial_seconds=0.2, max_seconds=30.0, jitter=0.2)


async def publish(bus: Bus, clock: Clock, room: str, model: Contract, traceparent: str | None = None) -> None:
    """Publish a contract event to the stream HUB and wait until it is stored.

    Raises:
        BrokerUnavailable: it was not acknowledged.
    """
    event_id = clock.new_id()
    message = wrap(model, event_id=event_id, time=clock.now(), source=f"/hub/{room}", traceparent=traceparent)
    await bus.publish(message.subject, message.data, message.headers | {"Nats-Msg-Id": f"{room}/{event_id}"})


def decoder(model: type[C]) -> Callable[[NatsMessage], Awaitable[C]]:
    """Return the FastStream decoder of one contract; what cannot be read is refused for good."""

    async def decode(message: NatsMessage) -> C:
        try:
            return unwrap(model, message.headers, message.body)
        except UnreadableContract as error:
            raise InvalidInput(str(error)) from error

    return decode


def subscribe(router: NatsRouter, model: type[C], durable: str, handler: Handler[C], inbox_prefix: str) -> None:
    """Subscribe a handler to one contract: durable pull consumer, explicit acknowledgement by the outcome layer.

    At least once; several processes with the same durable share the work. Messages come below the inbox prefix.
    """
    subscriber = router.subscriber(
        subjects.contract(model.contract_type),
        stream=JStream(subjects.HUB, declare=False),
        pull_sub=PullSub(batch_size=16, timeout=30.0),
        durable=durable,
        inbox_prefix=f"{inbox_prefix}.".encode(),
        config=ConsumerConfig(ack_wait=_ACK_WAIT_SECONDS, max_deliver=-1),
        decoder=decoder(model),
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )

    async def handle(event: Any) -> None:
        await handler(event)

    subscriber(handle)


class OutcomeLayer(BaseMiddleware[Any, Any]):
    """Turns what a handler raised into acknowledge, retry after a pause, or dead letter."""

    def __init__(self, msg: Any, /, *, context: Any, bus: Bus) -> None:
        """Wrap the handling of one message; dead letters go out on the given bus."""
        super().__init__(msg, context=context)
        self._bus = bus

    async def consume_scope(self, call_next: Any, msg: Any) -> Any:
        """Run the handler and decide about its message."""
        message: NatsMessage = msg
        attempt = _attempt_of(message)
        if attempt is None:  # a request, not a stream's message: nothing to acknowledge
            return await call_next(message)
        given_up = on_arrival(attempt, ATTEMPTS)
        if given_up is not None:
            return await self._bury(message, given_up, attempt)
        try:
            return await call_next(message)
        except Exception as error:
            outcome = decide(error, attempt, ATTEMPTS)
            if outcome.is_bug:
                log.exception("bug.caught", attempt=attempt)
            if outcome.action == "dead_letter":
                return await self._bury(message, outcome, attempt)
            pause = _BACKOFF.wait(attempt)
            log.warning("message.retry_scheduled", error=outcome.reason, attempt=attempt, wait_for_seconds=pause)
            raise NackMessage(delay=pause) from error

    async def _bury(self, message: NatsMessage, outcome: Outcome, attempt: int) -> None:
        raw: Any = message.raw_message
        headers = {str(name): str(value) for name, value in (message.headers or {}).items()}
        headers |= {"Hub-Reason": outcome.reason, "Hub-Kind": outcome.kind, "Hub-Attempts": str(attempt)}
        try:
            await self._bus.publish("dead.hub.contracts", message.body, headers | {"Hub-Subject": raw.subject})
        except HubError as failure:
            raise NackMessage(delay=_BACKOFF.wait(attempt)) from failure
        log.error("message.dead_lettered", error=outcome.reason, attempts=attempt, subject=raw.subject)
        raise RejectMessage


def _attempt_of(message: NatsMessage) -> int | None:
    raw: Any = message.raw_message  # one message: batches are not used here
    try:
        metadata = raw.metadata
    except (NatsError, AttributeError, ValueError):
        return None
    return int(metadata.num_delivered)


class Broker(NatsBroker):
    """FastStream's broker, over a connection as all others of the hub are."""

    def __init__(self, connected: Callable[[], Awaitable[Client]], **options: Any) -> None:
        """Prepare; `connected` makes the connection."""
        super().__init__(**options)
        self._connected = connected

    async def _connect(self) -> Client:
        connection = await self._connected()
        self.config.connect(connection)
        return connection


def make_broker(servers: list[str], name: str, bus: Bus, access: Mapping[str, Any]) -> NatsBroker:
    """Return the control plane's broker; dead letters go out on the data plane's connection."""
    return Broker(
        partial(connect, servers, name, **access),
        middlewares=[partial(OutcomeLayer, bus=bus)],
        js_options={"timeout": _ANSWER_SECONDS},
        logger=None,
        graceful_timeout=5.0,
    )
