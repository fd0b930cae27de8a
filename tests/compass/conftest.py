"""A hub beside a Compass of the test's own, and the hand that pairs, waits and looks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contracts import subjects
from hub.commands.session import Session
from hub.house import Running
from hub.kernel.broker import Bus
from hub.kernel.errors import HubError, UpstreamUnavailable
from hub.kernel.keys import load_keys
from hub.kernel.resource import CLUSTER, RESOURCES, Resource, resource_key
from hub.kernel.state import Bucket
from hub.settings import HubSettings
from tests.conftest import make_settings
from tests.doubles.compass.client import Caller
from tests.doubles.compass.serving import Compass
from tests.doubles.compass.world import Runtime

Run = Callable[..., Awaitable[Running]]
SCOPE = "kyma-system"


async def until(fact: Callable[[], Awaitable[Any]], seconds: float = 30) -> Any:
    """Wait for a fact, with a limit; returns it."""
    async with asyncio.timeout(seconds):
        while not (found := await fact()):
            await asyncio.sleep(0.01)
    return found


@dataclass
class Hub:
    """A running hub, as the tests speak to it."""

    process: Running
    bus: Bus
    session: Session
    settings: HubSettings
    compass: Compass
    runtime: Runtime

    async def answering(self) -> None:
        """Wait until the worker answers: it uses another connection than the tests."""
        while True:
            try:
                await self.session.ask(subjects.COMPASS_CONNECTIONS, "status", {})
                await self.session.ask(subjects.APPLICATIONS, "delete", {"name": "none"})
            except UpstreamUnavailable:
                await asyncio.sleep(0.005)
            except HubError:
                return

    async def pair(self, **changes: str) -> int:
        """Store a pairing Secret with a new token; returns its revision."""
        values = {
            "CONNECTOR_URL": self.compass.connector_url, "RUNTIME_ID": self.runtime.id, "TENANT": self.runtime.tenant,
        } | changes  # fmt: skip
        if "TOKEN" not in changes:
            values["TOKEN"] = self.compass.world.token_for("RUNTIME", self.runtime.id, self.runtime.tenant)
        document = {
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "compass-agent-configuration"},
            "stringData": values,
        }  # fmt: skip
        answer = await self.session.ask(subjects.SECRETS, "apply", {"document": document, "scope": SCOPE})
        return int(answer["resource"]["metadata"]["resourceVersion"])

    async def connection(self) -> dict[str, Any]:
        """Return the connection as operators see it; empty when there is none."""
        answer = await self.session.ask(subjects.COMPASS_CONNECTIONS, "status", {})
        return answer["connection"] or {}

    async def status(self) -> dict[str, Any]:
        """Return the connection's status."""
        found: dict[str, Any] = (await self.connection()).get("status") or {}
        return found

    async def alerts(self) -> list[str]:
        """Return what operators are warned of."""
        answer: dict[str, Any] = await self.session.ask(subjects.COMPASS_CONNECTIONS, "status", {})
        return list(answer["alerts"])

    async def state(self, state: str, seconds: float = 30) -> dict[str, Any]:
        """Wait until the connection is in a state; returns its status."""

        async def fact() -> dict[str, Any] | None:
            status = await self.status()
            return status if status.get("connectionState") == state and "observedPairing" in status else None

        found: dict[str, Any] = await until(fact, seconds)
        return found

    async def paired(self) -> dict[str, Any]:
        """Pair, and wait until everything was synchronized once."""
        revision = await self.pair()

        async def fact() -> dict[str, Any] | None:
            status = await self.status()
            done = status.get("observedPairing", 0) >= revision
            return status if done and status["connectionState"] == "Synchronized" else None

        found: dict[str, Any] = await until(fact)
        return found

    async def sync(self, **wish: bool) -> dict[str, Any]:
        """Have a synchronization made now; returns the status after it."""
        answer = await self.session.ask(subjects.COMPASS_CONNECTIONS, "synchronize", wish)
        return dict(answer["connection"]["status"])

    async def wish(self, **spec: Any) -> None:
        """Apply the connection with members of its spec, as `hub apply` does."""
        document = {
            "apiVersion": "compass.kyma-project.io/v1alpha1", "kind": "CompassConnection",
            "metadata": {"name": "compass-connection"}, "spec": spec,
        }  # fmt: skip
        await self.session.ask(subjects.COMPASS_CONNECTIONS, "apply", {"document": document})

    async def applications(self) -> dict[str, Resource]:
        """Return every Application by name, as stored."""
        entries = await Bucket(self.bus.js, subjects.APPLICATIONS, RESOURCES).entries()
        return {entry.value.name: entry.value for entry in entries}

    async def application(self, name: str) -> Resource:
        """Return one Application as stored."""
        entry = await Bucket(self.bus.js, subjects.APPLICATIONS, RESOURCES).need(resource_key(CLUSTER, name))
        return entry.value

    async def apply_application(self, name: str, spec: dict[str, Any], **metadata: Any) -> None:
        """Apply an Application as an operator does."""
        document = {
            "apiVersion": "applicationconnector.kyma-project.io/v1alpha1", "kind": "Application",
            "metadata": {"name": name} | metadata, "spec": spec,
        }  # fmt: skip
        await self.session.ask(subjects.APPLICATIONS, "apply", {"document": document})

    async def secret(self, name: str) -> dict[str, str]:
        """Return the values of a Secret, opened; empty when there is none."""
        entry = await Bucket(self.bus.js, subjects.SECRETS, RESOURCES).get(resource_key(SCOPE, name))
        if entry is None:
            return {}
        from hub.registry import sealing

        return sealing.texts(load_keys(self.settings.keys, self.settings.data_dir), entry.value)

    async def secrets(self) -> set[str]:
        """Return the names of all Secrets of bundles."""
        entries = await Bucket(self.bus.js, subjects.SECRETS, RESOURCES).entries()
        return {entry.value.name for entry in entries if entry.value.labels.get("bundleId")}

    def sent(self, word: str) -> list[dict[str, str]]:
        """Return the headers of every call whose document holds a word."""
        return [headers for _, document, headers in self.compass.calls if word in document]


@pytest.fixture
async def compass() -> AsyncIterator[Compass]:
    """Return a running Compass without applications."""
    made = Compass()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def caller(compass: Compass, tmp_path: Path) -> AsyncIterator[Caller]:
    """Return a caller of a running Compass."""
    made = Caller(compass, tmp_path / "caller-ca.pem")
    yield made
    await made.close()


@pytest.fixture
def runtime(compass: Compass) -> Runtime:
    """Return this hub as Compass knows it."""
    made = compass.world.runtime()
    compass.world.assign(made.id, "default")
    return made


def settings_of(tmp_path: Path, nats_url: str, compass: Compass, **changes: Any) -> HubSettings:
    """Return settings of a hub that trusts a Compass and does not dawdle."""
    authority = tmp_path / "compass-ca.pem"
    authority.write_bytes(compass.authority.pem)
    own = {
        "ca_file": authority, "key_bits": 2048, "minimal_seconds": 0.05, "interval_seconds": 60, "timeout_seconds": 5,
        "lease_seconds": 3, "events_url": "https://gateway.hub.test", "console_url": "https://console.hub.test",
    }  # fmt: skip
    rooms = {name: value for name, value in changes.items() if isinstance(value, dict)}
    mine = {name: value for name, value in changes.items() if name not in rooms}
    return make_settings(tmp_path, nats_url, compass=own | mine, **rooms)


@pytest.fixture
async def start(
    bus: Bus, running: Run, tmp_path: Path, nats_url: str, compass: Compass, runtime: Runtime
) -> Callable[..., Awaitable[Hub]]:
    """Return a function that starts a hub with these settings and rooms."""

    async def start(
        rooms: tuple[str, ...] = ("registry", "compass"), listeners: tuple[str, ...] = (), **settings: Any
    ) -> Hub:
        tree = settings_of(tmp_path, nats_url, compass, **settings)
        process = await running(list(rooms), list(listeners), tree)
        hub = Hub(process, bus, Session(tree, bus.nc, bus.js), tree, compass, runtime)
        await hub.answering()
        return hub

    return start


@pytest.fixture
async def hub(start: Callable[..., Awaitable[Hub]]) -> Hub:
    """Return a running hub that is not paired yet."""
    return await start()
