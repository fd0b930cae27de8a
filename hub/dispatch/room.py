"""The door of dispatch: keeps one consumer per Subscription and delivers what comes."""

import base64
from dataclasses import replace
from functools import partial

import orjson
import structlog
from faststream.nats import NatsRouter

from contracts import subjects
from hub.dispatch.consumer.attempts import Tools
from hub.dispatch.consumer.endings import Endings
from hub.dispatch.consumer.inbox import Inbox
from hub.dispatch.consumer.intake import Intake
from hub.dispatch.consumer.keeping import Keeping
from hub.dispatch.consumer.leases import Leases
from hub.dispatch.consumer.lines import Lines
from hub.dispatch.consumer.outbox import Outbox
from hub.dispatch.consumer.running import Parts
from hub.dispatch.handlers import serve
from hub.dispatch.janitor import Janitor
from hub.dispatch.kinds import KINDS, SUBSCRIPTION, admission
from hub.dispatch.metering import IN_FLIGHT
from hub.dispatch.model import NEXT, Progress
from hub.dispatch.pausing import Pausing
from hub.dispatch.settings import DispatchSettings
from hub.dispatch.signing import keys_of
from hub.dispatch.sinks.outside import Outside
from hub.dispatch.sinks.posting import Poster
from hub.dispatch.steering import Steering
from hub.dispatch.store import PROGRESS, Consumers, retry_key
from hub.kernel.egress import EgressRule
from hub.kernel.errors import HubError, NotFound
from hub.kernel.http.client import trust
from hub.kernel.resource import Resource
from hub.kernel.room import Room, RoomHouse
from hub.kernel.state import JSON, Bucket, View

log = structlog.get_logger()
LOG_EVENTS = (
    "sinks.loopback_allowed",
    "delivery.dead_lettered", "dead_letter.refused", "announcement.lost", "message.unsent", "inbox.lost",
    "pull.refused", "subscription.started", "subscription.changed", "subscription.ended", "subscription.waiting",
    "subscription.incomplete", "subscription.unreadable", "sink.gone", "sink.unpaused",
    "breaker.warned", "breaker.changed", "breaker.untold", "lease.taken", "lease.lost",
    "lease.unknown", "consumer.swept", "sweep.postponed", "store.cleared", "store.filling", "store.relieved",
    "bug.caught",
)  # fmt: skip


def build(settings: DispatchSettings, house: RoomHouse) -> Room:
    """Delivers events to the sinks of Subscriptions."""
    router = NatsRouter()
    post = Post(settings, house)
    house.desk(
        router, replace(SUBSCRIPTION, admit=admission(post.rule, settings.service_urls, settings.prefix)), post.after
    )
    steering = Steering(post.parts.pausing, post.parts.consumers, post.lines, house.publish)
    for verb, steered in (("pause", steering.pause), ("resume", steering.resume), ("reset", steering.reset)):
        house.answer(router, subjects.ask(SUBSCRIPTION.plural, verb), steered)
    serve(router, house, settings.prefix)
    writes = (SUBSCRIPTION.plural, subjects.RETRIES, subjects.LEASES)
    return Room("dispatch", router=router, kinds=KINDS, writes=writes, start=post.start, stop=post.stop)


class Post:
    """Everything this process delivers with, wired."""

    def __init__(self, settings: DispatchSettings, house: RoomHouse) -> None:
        """Prepare; nothing is pulled yet."""
        self._house = house
        self.rule = EgressRule(private=settings.sink_private_addresses, loopback=settings.sink_loopback)
        self.bucket: Bucket[Resource] = house.resources(SUBSCRIPTION)
        self._subscriptions = house.resource_view(SUBSCRIPTION.plural)
        self._secrets = house.resource_view(subjects.SECRETS)
        self._outbox = Outbox(house.bus.nc)
        intake = Intake(house.bus.nc)
        self._replies = Inbox(intake)
        retries = house.bucket(subjects.RETRIES, PROGRESS)
        keys = partial(signing_keys, house, self._secrets)
        self._endings = Endings(house.bus, self._replies, self._outbox, house.publish)
        outside = Outside(Poster(self.rule, trust), self._replies, self._outbox, keys, settings.ack_wait_seconds)
        tools = Tools(outside, self._outbox, self._endings, partial(_recall, retries), settings)
        self.parts = Parts(
            bucket=self.bucket,
            pausing=Pausing(self.bucket, house.clock, self._endings.announce),
            consumers=Consumers(house.bus.js, settings),
            leases=Leases(house.bucket(subjects.LEASES, JSON), house.clock.new_id, settings.lease_seconds),
            tools=tools,
            intake=intake,
            clock=house.clock,
            settings=settings,
        )
        self.lines = Lines(self.parts)
        self._keeping = Keeping(self.parts, self.lines)
        self._janitor = Janitor(house.bus, house.settings.streams)

    async def start(self) -> None:
        """Take up all Subscriptions and follow their changes."""
        if self.rule.loopback:
            log.info("sinks.loopback_allowed", setting="HUB_DISPATCH__SINK_LOOPBACK")
        self._outbox.start()
        await self._replies.start()
        IN_FLIGHT.set_function(lambda: self.lines.under_way)
        self._house.bus.on_reconnect(self._reconnected)
        self._subscriptions.on_change(lambda key, _resource: self.lines.mark(key))
        self._secrets.on_change(lambda key, _resource: self._secret_changed(key))
        self.lines.start()
        self._keeping.start()
        await self._janitor.start()

    def _reconnected(self) -> None:
        self._endings.reconnected()
        self.lines.renew()

    def _secret_changed(self, key: str) -> None:
        for running in self.lines.running.values():
            name = running.plan.policy.signing_secret
            if name is not None and subjects.key(running.plan.scope, name) == key:
                self.lines.mark(running.plan.key, again=True)

    async def after(self, _resource: Resource | None, key: str, outcome: str) -> None:
        """Act on a change before it is answered: from the answer on, events are the Subscription's.

        What cannot be done now is done later, and the status says so; the change itself is stored.
        """
        try:
            await self.lines.reconcile(key, start=NEXT if outcome == "created" else None)
        except HubError:
            self.lines.mark(key, again=True)
        await self._keeping.keep_leases()

    async def stop(self) -> None:
        """Stop pulling, finish what is in hand, give back the rest."""
        await self._janitor.stop()
        await self.lines.stop(self._house.settings.stop_seconds * 0.8)
        await self._outbox.flush(1.0)
        await self._keeping.stop()
        await self._endings.stop()
        await self._replies.stop()
        await self._outbox.stop(1.0)
        self.parts.tools.outside.poster.close()


def signing_keys(house: RoomHouse, secrets: View[Resource], scope: str, name: str) -> tuple[bytes, ...]:
    """Return the signing keys of a Secret.

    Raises:
        NotFound: there is no such Secret.
        InvalidField: it holds no signing key.
        Misconfigured: another master key sealed it.
    """
    secret = secrets.get(subjects.key(scope, name))
    if secret is None:
        raise NotFound(f"Secret '{name}' does not exist in scope '{scope}'; create it, or remove delivery.signing.")
    sealed = base64.b64decode(secret.spec.get("sealed", ""))
    values: dict[str, str] = orjson.loads(house.keys.open(sealed, f"{subjects.SECRETS}/{secret.key}"))
    return keys_of({key: base64.b64decode(value).decode("utf-8", "replace") for key, value in values.items()}, name)


async def _recall(retries: Bucket[Progress], durable: str, sequence: int) -> Progress | None:
    entry = await retries.get(retry_key(durable, sequence))
    return entry.value if entry else None
