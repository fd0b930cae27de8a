"""A hub whose spans go to a real little collector, and what came there."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from contracts import subjects
from hub.house import Running
from hub.kernel.broker import Bus
from hub.settings import HubSettings
from tests.conftest import make_settings
from tests.gateway.targets import Say, Seen, Target, Targets

Run = Callable[..., Awaitable[Running]]


def free_port() -> int:
    """Return a port that nobody listens on: Functions are told it before the hub listens there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Receiver:
    """A collector that takes OTLP over HTTP, or refuses it as a test says."""

    target: Target = field(default_factory=lambda: Target("", 0))
    status: int = 200

    def take(self, _seen: Seen) -> Say:
        """Answer one export request."""
        return Say(self.status, b"{}", [("Content-Type", "application/json")])

    @property
    def resources(self) -> list[dict[str, Any]]:
        """Return the attributes of each request's resource."""
        return [values_of(part["resource"]) for part in self._parts()]

    @property
    def spans(self) -> list[dict[str, Any]]:
        """Return the spans that came, attributes as plain values, the earliest first."""
        found = [span | {"attributes": values_of(span)} for part in self._parts() for span in spans_in(part)]
        return sorted(found, key=lambda span: int(span["startTimeUnixNano"]))

    def _parts(self) -> list[dict[str, Any]]:
        return [part for seen in self.target.seen for part in json.loads(seen.body)["resourceSpans"]]

    def named(self, name: str, **attributes: Any) -> list[dict[str, Any]]:
        """Return the spans of a name, and with these attributes (`_` stands for `-`)."""
        wanted = {key.replace("_", "-"): value for key, value in attributes.items()}
        return [span for span in self.spans if span["name"] == name and wanted.items() <= span["attributes"].items()]


def spans_in(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the spans of one resource."""
    return [span for scope in part["scopeSpans"] for span in scope["spans"]]


def values_of(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return OTLP attributes as plain values."""
    found = {}
    for attribute in described["attributes"]:
        ((kind, value),) = attribute["value"].items()
        found[attribute["key"]] = int(value) if kind == "intValue" else value
    return found


@dataclass
class Traced:
    """A running hub, and the hands that use it."""

    process: Running
    bus: Bus
    settings: HubSettings
    client: httpx.AsyncClient

    async def apply(self, plural: str, document: dict[str, Any]) -> None:
        """Apply a resource, as `hub apply` does."""
        request = orjson.dumps({"document": document})
        reply = await self.bus.nc.request(subjects.ask(plural, "apply"), request, timeout=10)
        assert (reply.headers or {})["Hub-Status"] == "200", reply.data

    async def subscribe(self, name: str, sink: str, source: str, event_type: str) -> None:
        """Subscribe a sink to an event type; failed attempts are repeated after milliseconds."""
        delivery = {"maxAttempts": 5, "backoff": {"schedule": ["20ms"]}}
        spec = {"sink": sink, "source": source, "types": [event_type], "delivery": delivery}
        kind = {"apiVersion": "eventing.kyma-project.io/v1alpha2", "kind": "Subscription"}
        await self.apply("subscriptions", kind | {"metadata": {"name": name}, "spec": spec})

    async def post(self, event_id: str, headers: Mapping[str, str] | None = None, data: Any = None) -> httpx.Response:
        """Post an order of the shop."""
        own = {"ce-specversion": "1.0", "ce-id": event_id, "ce-source": "shop", "ce-type": "order.created.v1"}
        return await self.client.post("/shop/events", headers=own | dict(headers or {}), json=data or {"order": 1})


@pytest.fixture
async def targets() -> AsyncIterator[Targets]:
    """Return the servers that a test starts."""
    made = Targets()
    yield made
    await made.close()


@pytest.fixture
async def receiver(targets: Targets) -> Receiver:
    """Return a running collector."""
    receiver = Receiver()
    receiver.target = await targets.serve(receiver.take)
    return receiver


@pytest.fixture
async def start(
    bus: Bus, running: Run, tmp_path: Path, nats_url: str, receiver: Receiver
) -> AsyncIterator[Callable[..., Awaitable[Traced]]]:
    """Return a function that starts workers which record: `await start(["ingress"], per_second=1)`."""
    clients: list[httpx.AsyncClient] = []

    async def start(rooms: list[str], **tracing: Any) -> Traced:
        settings = make_settings(
            tmp_path, nats_url, internal={"port": free_port()}, gateway={"port": free_port()},
            tracing={"endpoint": receiver.target.url, "flush_seconds": 0.05} | tracing,
            functions={"retry_initial_seconds": 0.02},
        )  # fmt: skip
        listeners = [*(["internal"] if "ingress" in rooms else []), *(["gateway"] if "gateway" in rooms else [])]
        process = await running(rooms, listeners, settings)
        clients.append(httpx.AsyncClient(base_url=process.addresses().get("internal", ""), timeout=30))
        return Traced(process, bus, settings, clients[-1])

    yield start
    for client in clients:
        await client.aclose()


async def until(fact: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait until a fact holds; returns it."""
    async with asyncio.timeout(seconds):
        while not (found := fact()):
            await asyncio.sleep(0.01)
    return found
