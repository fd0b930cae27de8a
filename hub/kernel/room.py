"""What a room hands out (`Room`) and what a room is given (`House`)."""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from faststream.nats import NatsRouter
from starlette.routing import BaseRoute

from contracts.envelope import Contract
from hub.kernel import messages
from hub.kernel.broker import Bus
from hub.kernel.clock import Clock
from hub.kernel.desk import After, Asked, Desk, answer_requests
from hub.kernel.errors import Misconfigured
from hub.kernel.http.client import Outbound
from hub.kernel.http.direct import Door
from hub.kernel.http.server import Passage
from hub.kernel.keys import Keys
from hub.kernel.objects import Objects
from hub.kernel.resource import RESOURCES, Kind, Resource
from hub.kernel.settings import KernelSettings
from hub.kernel.state import Bucket, Codec, View

T = TypeVar("T")
C = TypeVar("C", bound=Contract)
Action = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Room:
    """A worker, wired: what the process that runs it must serve, start and stop."""

    name: str
    router: NatsRouter | None = None
    routes: dict[str, list[BaseRoute]] = field(default_factory=dict)
    """Routes by listener."""
    doors: dict[str, tuple[Door, ...]] = field(default_factory=dict)
    """What takes requests directly, by listener; whatever it leaves goes to the routes."""
    passages: dict[str, Passage] = field(default_factory=dict)
    """What serves a whole listener in place of routes, by listener."""
    kinds: tuple[Kind, ...] = ()
    writes: tuple[str, ...] = ()
    """Buckets that this room, and no other, writes."""
    tls: dict[str, Callable[[], ssl.SSLContext]] = field(default_factory=dict)
    """TLS contexts by listener; asked for after `start`."""
    start: Action | None = None
    """Runs after the views are ready and before listeners open."""
    stop: Action | None = None
    """Runs when nothing new comes in any more: finish what is in hand."""


@dataclass
class House:
    """What rooms are built from; one per process."""

    settings: KernelSettings
    bus: Bus
    clock: Clock
    keys: Keys
    outbound: Outbound
    objects: Objects
    views: dict[str, View[Any]] = field(default_factory=dict)
    writers: dict[str, str] = field(default_factory=dict)

    def for_room(self, name: str) -> "RoomHouse":
        """Return the house as one room sees it."""
        return RoomHouse(self, name)

    def view(self, bucket: str, codec: Codec[T]) -> View[T]:
        """Return the view of a bucket; one per process, however many rooms ask."""
        if bucket not in self.views:
            self.views[bucket] = View(self.bus.js, bucket, codec)
        return self.views[bucket]

    def restart_views(self) -> None:
        """Follow all buckets anew, after a reconnect."""
        for view in self.views.values():
            view.restart()


class RoomHouse:
    """The house, for one room: its writers are registered under the room's name."""

    def __init__(self, house: House, room: str) -> None:
        """Wrap the house."""
        self._house = house
        self.room = room
        self.settings = house.settings
        self.bus = house.bus
        self.clock = house.clock
        self.keys = house.keys
        self.outbound = house.outbound
        self.objects = house.objects

    def bucket(self, name: str, codec: Codec[T]) -> Bucket[T]:
        """Return a bucket to write.

        Raises:
            Misconfigured: another room writes it already.
        """
        writer = self._house.writers.setdefault(name, self.room)
        if writer != self.room:
            raise Misconfigured(f"'{self.room}' may not write the bucket '{name}'; '{writer}' does.")
        return Bucket(self.bus.js, name, codec)

    def resources(self, kind: Kind) -> Bucket[Resource]:
        """Return the bucket of a kind that this room owns."""
        return self.bucket(kind.plural, RESOURCES)

    def view(self, name: str, codec: Codec[T]) -> View[T]:
        """Return a bucket to read from memory."""
        return self._house.view(name, codec)

    def resource_view(self, plural: str) -> View[Resource]:
        """Return the resources of a kind, whoever owns it, to read from memory."""
        return self._house.view(plural, RESOURCES)

    async def publish(self, model: Contract, traceparent: str | None = None) -> None:
        """Publish a contract event; returns when it is stored."""
        await messages.publish(self.bus, self.clock, self.room, model, traceparent)

    def subscribe(self, router: NatsRouter, model: type[C], handler: Callable[[C], Awaitable[None]]) -> None:
        """Subscribe to a contract event: durable, at least once, shared by the processes that run this room."""
        noun, *_, participle = model.contract_type.removeprefix("hub.").split(".")
        durable, inbox_prefix = f"{self.room}-{noun}-{participle}", self.settings.nats.inbox_prefix
        messages.subscribe(router, model, durable, handler, inbox_prefix)

    def desk(self, router: NatsRouter, kind: Kind, after: After | None = None) -> Desk:
        """Serve apply and delete of a kind that this room owns."""
        desk = Desk(kind, self.resources(kind), self.clock, after)
        desk.serve(router, self.room)
        return desk

    def answer(self, router: NatsRouter, subject: str, asked: Asked, *, at_once: int = 1) -> None:
        """Serve one request subject (`ask.<plural>.<verb>`): JSON object in, JSON object out."""
        answer_requests(router, subject, self.room, asked, at_once=at_once)
