"""What dispatch keeps in JetStream: a consumer per Subscription, and how far retried events have come."""

from collections.abc import Iterator
from contextlib import contextmanager

import orjson
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy
from nats.js.errors import APIError, BadRequestError, NotFoundError

from contracts import subjects
from hub.dispatch.model import Progress, Start
from hub.dispatch.planning import Plan
from hub.dispatch.settings import DispatchSettings
from hub.kernel.errors import BrokerUnavailable
from hub.kernel.state import Codec

_OWNER = "hub.subscription"
_UID = "hub.uid"


class Consumers:
    """The durable consumers of the Subscriptions."""

    def __init__(self, js: JetStreamContext, settings: DispatchSettings) -> None:
        """Work on the stream EVENTS."""
        self._js = js
        self._settings = settings

    async def ensure(self, plan: Plan, start: Start) -> ConsumerInfo:
        """Make or change the consumer of a Subscription; one that is there keeps its position.

        Safe to repeat, in several processes at once.

        Args:
            plan: of the Subscription.
            start: where a new one begins.

        Raises:
            BrokerUnavailable: nats-server refuses or does not answer.
        """
        with _translated(plan.durable):
            found = await self._find(plan.durable)
            if found is not None and (found.config.metadata or {}).get(_UID, plan.uid) != plan.uid:
                # One that was left by a Subscription of the same name; its position means nothing to this one.
                await self._delete(plan.durable)
                found = None
            try:
                return await self._js.add_consumer(subjects.EVENTS, self._config(plan, found, start))
            except BadRequestError:
                found = await self._find(plan.durable)  # another process made it meanwhile, with another start
                if found is None:
                    raise
                return await self._js.add_consumer(subjects.EVENTS, self._config(plan, found, start))

    def _config(self, plan: Plan, found: ConsumerInfo | None, start: Start) -> ConsumerConfig:
        config = ConsumerConfig(
            name=plan.durable,
            durable_name=plan.durable,
            description=f"Subscription {plan.label}",
            deliver_policy=DeliverPolicy.NEW,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._settings.ack_wait_seconds,
            max_deliver=-1,
            max_ack_pending=self._settings.max_ack_pending,
            filter_subjects=list(plan.filter_subjects),
            metadata={_OWNER: plan.key, _UID: plan.uid},
        )
        if found is not None:
            config.deliver_policy = found.config.deliver_policy
            config.opt_start_seq = found.config.opt_start_seq
            config.opt_start_time = found.config.opt_start_time
        elif start.sequence is not None:
            config.deliver_policy, config.opt_start_seq = DeliverPolicy.BY_START_SEQUENCE, start.sequence
        elif start.moment is not None:
            config.deliver_policy, config.opt_start_time = DeliverPolicy.BY_START_TIME, start.moment
        return config

    async def _find(self, durable: str) -> ConsumerInfo | None:
        try:
            found: ConsumerInfo = await self._js.consumer_info(subjects.EVENTS, durable)
        except NotFoundError:
            return None
        return found

    async def find(self, durable: str) -> ConsumerInfo | None:
        """Return what nats-server knows of a consumer, or None.

        Raises:
            BrokerUnavailable: nats-server does not answer.
        """
        with _translated(durable):
            return await self._find(durable)

    async def _delete(self, durable: str) -> None:
        try:
            await self._js.delete_consumer(subjects.EVENTS, durable)
        except NotFoundError:
            return

    async def remove(self, scope: str, name: str) -> None:
        """Remove the consumer of a Subscription, if it is there.

        Raises:
            BrokerUnavailable: nats-server does not answer.
        """
        durable = subjects.durable(scope, name)
        with _translated(durable):
            await self._delete(durable)

    async def last_sequence(self) -> int:
        """Return the position of the newest event.

        Raises:
            BrokerUnavailable: nats-server does not answer.
        """
        with _translated(subjects.EVENTS):
            return (await self._js.stream_info(subjects.EVENTS)).state.last_seq

    async def owners(self) -> dict[str, str]:
        """Return the keys of the Subscriptions that have a consumer here, each with the consumer's name.

        Raises:
            BrokerUnavailable: nats-server does not answer.
        """
        found: list[ConsumerInfo] = []
        with _translated(subjects.EVENTS):
            while page := await self._js.consumers_info(subjects.EVENTS, offset=len(found)):
                found += page
        marked = {(info.config.metadata or {}).get(_OWNER, ""): info.name for info in found}
        # Only what this worker made itself: consumers of other programs are theirs.
        return {key: name for key, name in marked.items() if key and subjects.durable(*subjects.split_key(key)) == name}


def _encode_progress(progress: Progress) -> bytes:
    return orjson.dumps([progress.attempts, progress.handed_out, progress.lost])


def _decode_progress(raw: bytes, _revision: int) -> Progress:
    return Progress(*orjson.loads(raw))


PROGRESS: Codec[Progress] = Codec(_encode_progress, _decode_progress)


def retry_key(durable: str, sequence: int) -> str:
    """Return the key of one event's progress towards one Subscription."""
    return f"{durable}.{sequence}"


def retry_subject(durable: str, sequence: int) -> str:
    """Return the subject below which the bucket of retries keeps one event's progress: written without waiting."""
    return f"$KV.{subjects.RETRIES}.{retry_key(durable, sequence)}"


def encoded(progress: Progress) -> bytes:
    """Return a progress as the bucket of retries keeps it."""
    return _encode_progress(progress)


FORGET = {"KV-Operation": "PURGE", "Nats-Rollup": "sub"}
"""Headers of a message to the bucket of retries that removes what it keeps of an event."""


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except (NatsError, APIError, TimeoutError, OSError) as error:
        reason = error.description if isinstance(error, APIError) else "it does not answer"
        raise BrokerUnavailable(f"nats-server and '{what}': {reason}.", retry_after_seconds=1) from error
