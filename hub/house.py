"""The list of rooms and their wiring: the only module that imports rooms.

`Running` is one process: it connects, declares what is on the bus, builds its rooms, follows the views, starts the
rooms, opens the listeners, and undoes all of it in reverse when told to stop.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from nats.errors import Error as NatsError

from hub.kernel.broker import Bus, connect, servers_of
from hub.kernel.clock import SystemClock
from hub.kernel.errors import BrokerUnavailable, Misconfigured
from hub.kernel.keys import Keys, load_keys
from hub.kernel.logger import log
from hub.kernel.resource import Kind

if TYPE_CHECKING:
    from faststream.nats import NatsBroker
    from starlette.routing import BaseRoute

    from contracts.surface import Description
    from hub.kernel.http.server import Listener
    from hub.kernel.room import House, Room
    from hub.settings import HubSettings
    from hub.tracing.recording import Recording


ROOMS = ("registry", "connector", "catalog", "ingress", "dispatch", "functions", "gateway", "compass")
"""Every room; `hub.<room>.room.build` is its door."""

ROOMS_WITH_KINDS = ("registry", "dispatch", "functions", "compass")
"""Rooms that own kinds of resources: `hub.<room>.kinds.KINDS`."""

LISTENERS = ("edge", "internal", "public", "gateway", "gateway_compass")

GUARDED = ("internal", "gateway", "gateway_compass")
"""Listeners of this side: bound elsewhere than to loopback, they ask who calls."""
EDGE_ROOMS = ("registry", "connector", "ingress")
"""Rooms whose routes connected solutions reach."""

API_VERSION = "1"
"""Version of the surface that connected solutions see."""


def each_kind() -> Iterator[Kind]:
    """Give every kind of resource, room by room; a room's kinds are loaded when it comes to them."""
    for room in ROOMS_WITH_KINDS:
        yield from import_module(f"hub.{room}.kinds").KINDS


def kinds() -> list[Kind]:
    """Return every kind of resource, of all rooms, without building a room."""
    return list(each_kind())


def check(rooms: Iterable[str], listeners: Iterable[str]) -> None:
    """Accept names of workers and listeners.

    Raises:
        Misconfigured: one of them is none; the text names those there are.
    """
    for kind, given, known in (("worker", rooms, ROOMS), ("listener", listeners, LISTENERS)):
        for name in given:
            if name not in known:
                raise Misconfigured(f"There is no {kind} '{name}'; there are {', '.join(known)}.")


def build(name: str, settings: "HubSettings", house: "House") -> "Room":
    """Build one room; `check` has accepted its name."""
    door = import_module(f"hub.{name}.room")
    room: Room = door.build(getattr(settings, name), house.for_room(name))
    return room


def descriptions(rooms: Iterable[str]) -> "list[Description]":
    """Return what rooms say about their routes: those that have a `description` do."""
    found = [name for name in rooms if find_spec(f"hub.{name}.description") is not None]
    return [import_module(f"hub.{name}.description").DESCRIPTION for name in found]


def openapi_of(rooms: "Iterable[Room]", listener: str, server: str) -> dict[str, Any]:
    """Return the OpenAPI document of one listener, from the routes that rooms serve there."""
    from hub.openapi import document

    served = [room for room in rooms if room.routes.get(listener)]
    routes = [route for room in served for route in room.routes[listener]]
    said = descriptions(room.name for room in served)
    return document(said, routes, title=f"Integration hub: {listener}", version=API_VERSION, server=server)


async def edge_rooms(settings: "HubSettings") -> "list[Room]":
    """Return the rooms of the edge, built and never started: their routes can be looked at without a hub."""
    from hub.kernel.client import Client

    running = Running(settings)
    running.furnish(Bus(Client()), Keys(bytes(32)))
    return [running.build(name) for name in EDGE_ROOMS]


class Running:
    """One process of the hub, as an object: `hub run` serves it, tests hold it."""

    def __init__(self, settings: "HubSettings") -> None:
        """Prepare; nothing is opened yet."""
        self.settings = settings
        self.rooms: list[Room] = []
        self.listeners: list[Listener] = []
        self._bus: Bus | None = None
        self._broker: NatsBroker | None = None
        self._house: House | None = None
        self._started: list[Room] = []
        self._recording: Recording | None = None

    def furnish(self, bus: Bus, keys: Keys) -> "House":
        """Take what rooms are built from; returns the house, which knows afterwards what they read and write."""
        self._bus = bus
        self._house = self._make_house(keys)
        return self._house

    def build(self, room: str) -> "Room":
        """Build one room.

        Raises:
            Misconfigured: there is no such room.
        """
        assert self._house is not None  # noqa: S101 - narrows the type for the checker
        return build(room, self.settings, self._house)

    async def start(self, rooms: list[str], listeners: list[str]) -> None:
        """Connect, declare, build, follow, start, listen - in this order."""
        from hub.cluster.access import access_of
        from hub.cluster.waiting import patiently, reach
        from hub.kernel.messages import make_broker

        kernel = self.settings.kernel()
        kernel.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        keys = load_keys(kernel.keys, kernel.data_dir)
        servers = servers_of(kernel.nats, kernel.data_dir)
        name, access = "hub " + " ".join(rooms), access_of(kernel.nats)

        async def connected() -> Bus:
            client = await connect(servers, name, self._reconnected, **access)
            bus = Bus(client, timeout_seconds=self.settings.ingress.publish_timeout_seconds)
            try:
                await bus.start()
            except BrokerUnavailable:
                await client.close()
                raise
            return bus

        self._bus = await reach(connected, kernel)
        self._house = self._make_house(keys)
        self._bus.on_reconnect(self._house.restart_views)
        self.rooms = [build(room, self.settings, self._house) for room in rooms]
        self._broker = make_broker(servers, name + " control", self._bus, access)
        for room in self.rooms:
            if room.router is not None:
                self._broker.include_router(room.router)
        for view in self._house.views.values():
            view.start()
        control, *_ = await asyncio.gather(
            self._broker.connect(), *(view.ready() for view in self._house.views.values())
        )
        self._recording = self._make_recording("+".join(rooms))
        for room in self.rooms:
            await self._start_room(room)
        await patiently(self._subscribe, time.monotonic() + kernel.nats.wait_seconds)
        if control is not None:
            # The server knows every subscription before anyone hears of "ready". Twice, for the client's first PING
            # overtakes what it still has to write; by its PONG all of that is written.
            await control.flush()
            await control.flush()
        await self._listen(listeners)

    async def _subscribe(self) -> None:
        """Take contract events from now on; what was begun before goes on where it stopped."""
        assert self._broker is not None  # noqa: S101 - narrows the type for the checker
        try:
            await self._broker.start()
        except (NatsError, TimeoutError) as error:
            raise BrokerUnavailable("The event store takes no consumer for contract events; is it ready?") from error

    def _reconnected(self) -> None:
        if self._bus is not None:
            self._bus.reconnected()

    def _make_house(self, keys: Keys) -> "House":
        from hub.kernel.http.client import Outbound
        from hub.kernel.objects import Objects
        from hub.kernel.room import House

        assert self._bus is not None  # noqa: S101 - narrows the type for the checker
        return House(
            settings=self.settings.kernel(),
            bus=self._bus,
            clock=SystemClock(),
            keys=keys,
            outbound=Outbound(),
            objects=Objects(self._bus),
        )

    def _make_recording(self, rooms: str) -> "Recording":
        """Record spans from now on, under the name that the supervisor gives this process."""
        from hub.tracing.recording import Recording

        assert self._bus is not None and self._house is not None  # noqa: S101 - narrows the types for the checker
        process = os.environ.get("HUB_PROCESS") or rooms
        recording = Recording(self.settings.tracing, process, self._bus.nc, self._house.outbound)
        recording.start()
        return recording

    async def _start_room(self, room: "Room") -> None:
        began = time.monotonic()
        if room.start is not None:
            await room.start()
        self._started.append(room)
        log.info("room.started", room=room.name, seconds=round(time.monotonic() - began, 3))

    async def _listen(self, names: list[str]) -> None:
        from hub.kernel.http.app import application
        from hub.kernel.http.direct import Doors
        from hub.kernel.http.guard import Guard, is_loopback
        from hub.kernel.http.server import Listener
        from hub.kernel.settings import ListenerSettings
        from hub.kernel.workload import Workloads
        from hub.up import frontdoor, health

        assert self._bus is not None and self._house is not None  # noqa: S101 - narrows the types for the checker
        for name in names:
            routes = [*self._documented(name), *(route for room in self.rooms for route in room.routes.get(name, []))]
            routes += frontdoor.routes(self.settings, self._bus) if name == "public" else []
            tls = next((room.tls[name] for room in self.rooms if name in room.tls), None)
            doors = [door for room in self.rooms for door in room.doors.get(name, ())]
            passage = next((room.passages[name] for room in self.rooms if name in room.passages), None)
            app: Any = passage or application(routes)
            settings = getattr(self.settings, name)
            if name in GUARDED and not is_loopback(settings.host):
                guard = Guard(name, Workloads(self._house.keys))
                doors = [guard.door(door) for door in doors]
                app = guard.passage(passage) if passage else guard.app(app)
            self.listeners.append(Listener(name, settings, app, tls, doors=Doors(tuple(doors))))
        metrics = ListenerSettings(host=self.settings.metrics.host, port=self.settings.metrics.base_port)
        self.listeners.append(Listener("metrics", metrics, application(health.routes(self._bus))))
        await asyncio.gather(*(listener.open() for listener in self.listeners))

    def _documented(self, listener: str) -> "list[BaseRoute]":
        """Return the route of the edge's OpenAPI document, on the edge itself and where people look."""
        from hub.openapi import document_route

        if listener == "edge":
            return [document_route(lambda: openapi_of(self.rooms, "edge", self.settings.edge.base_url))]
        return [document_route(self._committed_openapi)] if listener == "public" else []

    def _committed_openapi(self) -> dict[str, Any]:
        """Return the edge's document where the edge itself does not run."""
        from contracts.products import OPENAPI

        committed: dict[str, Any] = json.loads(files("contracts").joinpath(OPENAPI).read_bytes())
        return committed | {"servers": [{"url": self.settings.edge.base_url}]}

    def addresses(self) -> dict[str, str]:
        """Return the addresses of the open listeners."""
        return {listener.name: listener.address for listener in self.listeners}

    def notify_ready(self, on_orphaned: Callable[[], None]) -> None:
        """Tell the supervisor (or systemd) that this process is ready."""
        from hub.up.notify import notify, watch_parent

        watch_parent(on_orphaned)
        notify(ready=True, listeners=self.addresses())

    async def stop(self) -> None:
        """Close the listeners, finish what is in hand, leave the bus."""
        await asyncio.gather(*(listener.close() for listener in self.listeners))
        for room in reversed(self._started):
            if room.stop is not None:
                await room.stop()
            log.info("room.stopped", room=room.name)
        if self._broker is not None:
            await self._broker.stop()
        if self._recording is not None:
            await self._recording.stop()
        if self._house is not None:
            await asyncio.gather(*(view.stop() for view in self._house.views.values()))
            await self._house.outbound.close()
        if self._bus is not None:
            await self._bus.close()
