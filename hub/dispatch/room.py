"""The door of dispatch: keeps one consumer per Subscription and delivers what comes."""

import asyncio
from functools import partial
from typing import Any

import structlog
from faststream.nats import NatsRouter

from contracts import subjects
from hub.dispatch.consumer import Consumer, api, declare
from hub.dispatch.conversion import PREFIX
from hub.dispatch.delivery import Deliverer, Plan
from hub.dispatch.filters import compile_filters
from hub.dispatch.handlers import serve
from hub.dispatch.kinds import KINDS, SUBSCRIPTION
from hub.dispatch.model import Delivery
from hub.dispatch.policy import read
from hub.dispatch.settings import DispatchSettings
from hub.dispatch.sinking import sink_of
from hub.dispatch.validation import EXACT, in_flight_of
from hub.kernel.clock import rfc3339
from hub.kernel.errors import HubError, RevisionConflict
from hub.kernel.resource import Resource
from hub.kernel.room import Room, RoomHouse

log = structlog.get_logger()
LOG_EVENTS = ("delivery.dead_lettered", "dead_letter.refused", "subscription.failed", "bug.caught")
_PAUSE_SECONDS = 1.0


def build(settings: DispatchSettings, house: RoomHouse) -> Room:
    """Delivers events to the sinks of Subscriptions."""
    router = NatsRouter()
    post = Post(settings, house)
    house.desk(router, SUBSCRIPTION, post.after)
    serve(router, house, filters_of)
    return Room(
        "dispatch", router=router, kinds=KINDS, writes=(SUBSCRIPTION.plural,), start=post.start, stop=post.stop
    )


def filters_of(resource: Resource) -> list[str]:
    """Return the subjects a Subscription listens to: its types, and what is replayed to it."""
    spec = resource.spec
    wanted = {_subject_of(name, spec.get("source", ""), spec.get("typeMatching") == EXACT) for name in spec["types"]}
    return [*sorted(wanted), subjects.replay(resource.scope, resource.name)]


def _subject_of(event_type: str, source: str, exact: bool) -> str:
    """Return the subject of one type; upstream's prefixed names hold the source between prefix and type."""
    if exact and event_type.startswith(f"{PREFIX}."):
        source, _, event_type = event_type.removeprefix(f"{PREFIX}.").partition(".")
    return subjects.event(source, event_type) if source else subjects.events_of_type(event_type)


class Post:
    """The consumers of this process, one per Subscription; follows the bucket."""

    def __init__(self, settings: DispatchSettings, house: RoomHouse) -> None:
        """Prepare; nothing is pulled yet."""
        self._settings, self._house = settings, house
        self._deliverer = Deliverer(settings, house)
        self._view = house.resource_view(SUBSCRIPTION.plural)
        self._bucket = house.resources(SUBSCRIPTION)
        self._consumers: dict[str, Consumer] = {}
        self._plans: dict[str, Plan] = {}
        self._known: dict[str, tuple[str, int]] = {}
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up all Subscriptions and follow their changes."""
        self._house.bus.on_reconnect(self._reconnected)
        self._view.on_change(lambda _key, _value: self._changed.set())
        self._following = asyncio.create_task(self._follow(), name="dispatch-follow")

    def _reconnected(self) -> None:
        for consumer in self._consumers.values():
            consumer.ask_anew()

    async def after(self, resource: Resource | None, key: str, _outcome: str) -> None:
        """Act on a change at once."""
        if resource is not None:
            await self._take(resource)
            return
        await self._leave(key)
        await api(self._house.bus.nc, "DELETE", subjects.durable(*subjects.split_key(key)), {})

    async def _follow(self) -> None:
        while True:
            self._changed.clear()
            try:
                await self._reconcile()
            except HubError as error:
                log.warning("subscription.failed", error=error.detail)
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            await self._changed.wait()

    async def _reconcile(self) -> None:
        """Take up what is there and leave what is gone; one Subscription that fails holds up no other."""
        present = dict(self._view.items())
        for key in [known for known in self._consumers if known not in present]:
            if await self._bucket.get(key) is None:
                await self._leave(key)
        failure: HubError | None = None
        for resource in present.values():
            try:
                await self._take(resource)
            except HubError as error:
                log.warning("subscription.failed", subscription=resource.key, error=error.detail)
                failure = error
        if failure is not None:
            raise failure

    async def _take(self, resource: Resource) -> None:
        async with self._lock:
            known = self._known.get(resource.key)
            if known is not None and known[0] == resource.uid and known[1] >= resource.generation:
                return
            durable = subjects.durable(resource.scope, resource.name)
            wait = self._settings.ack_wait_seconds
            await declare(self._house.bus.nc, durable, filters_of(resource), resource.created, wait)
            await self._run(resource, durable)
            await self._tell(resource, durable)
            self._known[resource.key] = (resource.uid, resource.generation)

    async def _run(self, resource: Resource, durable: str) -> None:
        spec = resource.spec
        sink, limit = sink_of(spec["sink"], resource.scope), in_flight_of(spec["config"])
        key = resource.key
        filters = compile_filters(spec.get("filters"))
        self._plans[key] = Plan(resource.scope, resource.name, sink, read(spec.get("delivery")), limit, filters)
        if key in self._consumers:
            self._consumers[key].limit = limit
            self._consumers[key].ask_anew()
            return
        consumer = Consumer(self._house.bus.nc, durable, limit, partial(self._deliver, key))
        self._consumers[key] = consumer
        await consumer.start()

    async def _deliver(self, key: str, delivery: Delivery) -> None:
        await self._deliverer.deliver(self._plans[key], delivery)

    async def _leave(self, key: str) -> None:
        async with self._lock:
            consumer = self._consumers.pop(key, None)
            self._known.pop(key, None)
            if consumer is not None:
                await consumer.stop(0)

    async def _tell(self, resource: Resource, durable: str) -> None:
        for _ in range(3):
            entry = await self._bucket.get(resource.key)
            if entry is None or entry.value.generation != resource.generation:
                return
            status = status_of(entry.value, durable, rfc3339(self._house.clock.now()))
            if status == entry.value.status:
                return
            try:
                await self._bucket.put(resource.key, entry.value.with_status(status), revision=entry.revision)
            except RevisionConflict:
                continue
            return

    async def stop(self) -> None:
        """Stop pulling, finish what is in hand, give back the rest."""
        if self._following is not None:
            self._following.cancel()
        grace = self._house.settings.stop_seconds * 0.8
        await asyncio.gather(*(consumer.stop(grace) for consumer in self._consumers.values()))


def status_of(resource: Resource, durable: str, now: str) -> dict[str, Any]:
    """Return the status of a Subscription whose consumer is there; unchanged conditions keep their time."""
    types = resource.spec["types"]
    before = {found["type"]: found for found in resource.status.get("conditions", [])}
    said = (
        ("Subscription active", "NATS Subscription active"),
        ("Subscription spec valid", "Subscription spec has no validation errors"),
    )
    conditions = [
        {
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": "",
            "lastTransitionTime": before[kind]["lastTransitionTime"] if kind in before else now,
        }
        for kind, reason in said
    ]
    return {
        "ready": True,
        "types": [{"originalType": name, "cleanType": name} for name in types],
        "conditions": conditions,
        "backend": {"types": [{"originalType": name, "consumerName": durable} for name in types]},
    }
