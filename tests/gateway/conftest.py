"""A gateway on a real server, what is registered for it, and a client that sends bytes as they are."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from contracts import subjects
from hub.house import Running
from hub.kernel.broker import Bus
from hub.kernel.keys import load_keys
from hub.kernel.resource import CLUSTER, RESOURCES, Resource
from hub.kernel.state import Bucket, View
from hub.settings import HubSettings
from tests.conftest import make_settings
from tests.gateway.targets import Targets
from tests.gateway.wire import Reply, ask

SCOPE = "kyma-system"
Run = Callable[..., Awaitable[Running]]


@dataclass
class Gateway:
    """A running gateway, and the hand that registers."""

    process: Running
    bus: Bus
    settings: HubSettings
    registered: dict[str, int] = field(default_factory=dict)

    def view(self, plural: str) -> View[Resource]:
        """Return a view of the running process."""
        assert self.process._house is not None
        return self.process._house.view(plural, RESOURCES)

    async def _put(self, plural: str, resource: Resource) -> None:
        revision = await Bucket(self.bus.js, plural, RESOURCES).put(resource.key, resource)
        await until(lambda: (found := self.view(plural).get(resource.key)) is not None and found.revision >= revision)

    async def application(
        self, name: str, services: list[dict[str, Any]], annotations: dict[str, str] | None = None, **spec: Any
    ) -> None:
        """Register an Application as it is stored, and wait until the gateway has heard of it."""
        made = Resource(
            "applicationconnector.kyma-project.io/v1alpha1", "Application", name, CLUSTER,
            {"services": services} | spec, annotations=annotations or {},
        )  # fmt: skip
        await self._put(subjects.APPLICATIONS, made)

    async def api(
        self, target: str, *, application: str = "app", annotations: dict[str, str] | None = None,
        spec: dict[str, Any] | None = None, **entry: Any,
    ) -> None:  # fmt: skip
        """Register one API as `/app/service`, and as `/app/service/entry`."""
        made = {"type": "API", "targetUrl": target, "name": "Entry"} | entry
        await self.application(application, [service("Service", made)], annotations, **(spec or {}))

    async def secret(self, name: str, values: Mapping[str, str]) -> None:
        """Store a Secret sealed, as the registry does."""
        key = subjects.key(SCOPE, name)
        encoded = {each: base64.b64encode(value.encode()).decode() for each, value in values.items()}
        keys = load_keys(self.settings.keys, self.settings.data_dir)
        sealed = keys.seal(json.dumps(encoded).encode(), f"{subjects.SECRETS}/{key}")
        spec = {"type": "Opaque", "keys": sorted(values), "sealed": base64.b64encode(sealed).decode()}
        await self._put(subjects.SECRETS, Resource("v1", "Secret", name, SCOPE, spec))

    async def removed(self, plural: str, scope: str, name: str) -> None:
        """Remove a resource."""
        key = subjects.key(scope, name)
        await Bucket(self.bus.js, plural, RESOURCES).delete(key)
        await until(lambda: self.view(plural).get(key) is None)

    def port(self, listener: str = "gateway") -> int:
        """Return the port of a listener."""
        return int(self.process.addresses()[listener].rpartition(":")[2])

    async def call(
        self, path: str = "/app/service", method: str = "GET", headers: Mapping[str, str] | None = None,
        body: bytes | None = None, *, listener: str = "gateway",
    ) -> Reply:  # fmt: skip
        """Send a request with exactly this path."""
        return await ask(self.port(listener), method, path, list((headers or {}).items()), body)


def service(display_name: str, *entries: dict[str, Any]) -> dict[str, Any]:
    """Return a Service of an Application's spec."""
    return {
        "id": display_name, "name": display_name, "displayName": display_name, "providerDisplayName": "",
        "description": "", "entries": list(entries),
    }  # fmt: skip


async def until(fact: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for a fact, with a limit."""
    async with asyncio.timeout(seconds):
        while not fact():
            await asyncio.sleep(0.005)


@pytest.fixture
async def start(bus: Bus, running: Run, tmp_path: Path, nats_url: str) -> Callable[..., Awaitable[Gateway]]:
    """Return a function that starts a gateway with these settings."""

    async def start(**settings: Any) -> Gateway:
        tree = make_settings(tmp_path, nats_url, gateway={"port": 0} | settings)
        process = await running(["gateway"], ["gateway", "gateway_compass"], tree)
        return Gateway(process, bus, tree)

    return start


@pytest.fixture
async def gateway(start: Callable[..., Awaitable[Gateway]]) -> Gateway:
    """Return a running gateway that gives up soon."""
    return await start(timeout_seconds=5, idle_seconds=5)


@pytest.fixture
async def targets() -> AsyncIterator[Targets]:
    """Return the targets that a test starts."""
    made = Targets()
    yield made
    await made.close()
