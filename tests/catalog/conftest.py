"""An Application as the registry would leave it on the bus, and what the catalog says about it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from nats.aio.msg import Msg

from contracts import Contract, decode, subjects
from contracts.catalog.v1 import EventTypeEntry
from hub.catalog.store import ENTRIES
from hub.kernel import messages
from hub.kernel.broker import Bus
from hub.kernel.clock import SystemClock
from hub.kernel.objects import Objects
from hub.kernel.resource import CLUSTER, RESOURCES, Resource
from hub.kernel.state import Bucket


class Stage:
    """The registry's side of the bus, played by hand, and the catalog's side, overheard."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.applications = Bucket(bus.js, subjects.APPLICATIONS, RESOURCES)
        self.entries = Bucket(bus.js, subjects.EVENT_TYPES, ENTRIES)
        self.objects = Objects(bus)
        self.heard: list[Contract] = []

    async def listen(self) -> None:
        """Hear every contract event of the catalog."""

        async def hear(message: Msg) -> None:
            self.heard.append(decode(message.subject, message.data))

        await self._bus.nc.subscribe("hub.catalog.>", cb=hear)

    async def store(self, application: str, service: str, document: Any) -> None:
        """Store a specification; text as it is, anything else as JSON."""
        raw = document if isinstance(document, str) else json.dumps(document)
        await self.objects.put(f"specs/{application}/{service}/asyncapi", raw.encode())

    async def lose_bytes(self, application: str, service: str) -> None:
        """Remove the bytes of a stored specification but not its description, as a replacement does for a moment."""
        store = await self._bus.js.object_store(subjects.ASSETS)
        found = await store.get_info(f"specs/{application}/{service}/asyncapi")
        await self._bus.js.purge_stream(f"OBJ_{subjects.ASSETS}", subject=f"$O.{subjects.ASSETS}.C.{found.nuid}")

    async def register(self, application: str, *services: str) -> None:
        """Write an Application whose Services offer events."""
        listed = [{"id": service, "entries": [{"type": "Events"}]} for service in services]
        spec = {"services": [*listed, {"id": "api", "entries": [{"type": "API"}]}]}
        version = "applicationconnector.kyma-project.io/v1alpha1"
        resource = Resource(api_version=version, kind="Application", name=application, scope=CLUSTER, spec=spec)
        await self.applications.put(resource.key, resource)

    async def announce(self, event: Contract) -> None:
        """Publish a contract event as the registry."""
        await messages.publish(self._bus, SystemClock(), "registry", event)

    async def catalog(self) -> dict[str, EventTypeEntry]:
        """Return what the bucket holds, by key."""
        return {key: (await self.entries.need(key)).value for key in await self.entries.keys()}

    async def has(self, *keys: str) -> None:
        """Wait until the bucket holds exactly these keys.

        Raises:
            AssertionError: it does not within five seconds.
        """
        await until(lambda: self._holds(set(keys)), f"the bucket never held exactly {keys}")

    async def hears(self, count: int) -> list[Contract]:
        """Wait until the catalog has said so many things; returns them and forgets them."""

        async def enough() -> bool:
            return len(self.heard) >= count

        await until(enough, f"the catalog did not say {count} things")
        heard, self.heard = self.heard, []
        return heard

    async def _holds(self, keys: set[str]) -> bool:
        return keys == set(await self.entries.keys())


async def until(fact: Callable[[], Any], complaint: str, seconds: float = 5) -> None:
    """Wait until a fact holds."""
    async with asyncio.timeout(seconds):
        while not await fact():
            await asyncio.sleep(0.01)


@pytest.fixture
async def stage(bus: Bus) -> AsyncIterator[Stage]:
    stage = Stage(bus)
    await stage.listen()
    yield stage
