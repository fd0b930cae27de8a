"""A sink of each kind that answers as it is told, and what tests of deliveries say to the worker."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from nats.aio.msg import Msg
from nats.js.api import StreamConfig

from contracts import subjects
from contracts.calls import unpack
from hub.house import Running
from hub.kernel.broker import Bus
from hub.settings import HubSettings
from tests.conftest import make_settings

TYPE = "order.created.v1"
Answers = Callable[[str], int | Awaitable[int]]
"""Id of an event → the status that the sink answers."""


async def until(fact: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for a fact."""
    limit = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < limit, "it did not happen in time"
        await asyncio.sleep(0.005)


@dataclass
class Received:
    """One event as a sink got it."""

    id: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)


@dataclass
class Sink:
    """What a sink of any kind notes, and how it answers."""

    address: str = ""
    received: list[Received] = field(default_factory=list)
    answers: Answers = lambda _id: 200
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with the answers of an HTTP sink."""

    @property
    def ids(self) -> list[str]:
        """Return the ids of what came, in order, repetitions included."""
        return [one.id for one in self.received]

    def count(self) -> Counter[str]:
        """Return how often each event came."""
        return Counter(self.ids)

    async def answer(self, headers: dict[str, str], body: bytes) -> int:
        """Note an event and return the status."""
        self.received.append(Received(headers.get("ce-id", ""), headers, body))
        status = self.answers(headers.get("ce-id", ""))
        return status if isinstance(status, int) else await status


class Gate(asyncio.Event):
    """Holds answers of a sink back until it is set."""

    async def answer(self, status: int = 200) -> int:
        """Wait, and answer."""
        await self.wait()
        return status


async def http_sink(_bus: Bus) -> AsyncIterator[Sink]:
    """Serve HTTP/1.1 with connections that stay."""
    sink = Sink()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                status = await sink.answer(headers, body)
                more = "".join(f"{name}: {value}\r\n" for name, value in sink.headers.items())
                writer.write(f"HTTP/1.1 {status} X\r\n{more}content-length: 4\r\n\r\nsaid".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    sink.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in?a=b"
    yield sink
    server.close()


async def function_sink(bus: Bus) -> AsyncIterator[Sink]:
    """Answer the calls of a Function as its worker would."""
    sink = Sink("function:taker")
    tasks: set[asyncio.Task[None]] = set()

    async def answer(reply: str, place: int, headers: dict[str, str], body: bytes) -> None:
        status = await sink.answer(headers, body)
        failure = [] if status < 300 else ["", "said"]
        await bus.nc.publish(reply, orjson.dumps([[place, status, *failure]]))

    async def called(message: Msg) -> None:
        for place, (headers, body) in enumerate(unpack(message.data)):
            task = asyncio.create_task(answer(message.reply, place, orjson.loads(headers), body))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    subscription = await bus.nc.subscribe(subjects.call("default", "taker"), cb=called)
    await bus.nc.flush()
    yield sink
    await subscription.unsubscribe()


async def subject_sink(bus: Bus) -> AsyncIterator[Sink]:
    """Answer on a subject as any NATS service would."""
    sink = Sink("subject:warehouse.orders")
    tasks: set[asyncio.Task[None]] = set()

    async def answer(message: Msg) -> None:
        status = await sink.answer(message.headers or {}, message.data)
        refusal = {} if status < 300 else {"Nats-Service-Error-Code": str(status), "Nats-Service-Error": "said"}
        await bus.nc.publish(message.reply, b"said", headers=refusal or None)

    async def called(message: Msg) -> None:
        task = asyncio.create_task(answer(message))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    subscription = await bus.nc.subscribe("warehouse.orders", cb=called)
    await bus.nc.flush()
    yield sink
    await subscription.unsubscribe()


KINDS = {"http": http_sink, "function": function_sink, "subject": subject_sink}


@pytest.fixture(params=KINDS)
async def any_sink(request: pytest.FixtureRequest, bus: Bus) -> AsyncIterator[Sink]:
    """Return a sink of each kind in turn."""
    async for sink in KINDS[request.param](bus):
        yield sink


@pytest.fixture
async def sink(bus: Bus) -> AsyncIterator[Sink]:
    """Return an HTTP sink."""
    async for made in http_sink(bus):
        yield made


@pytest.fixture
async def other_sink(bus: Bus) -> AsyncIterator[Sink]:
    """Return another HTTP sink."""
    async for made in http_sink(bus):
        yield made


@pytest.fixture
async def stream(bus: Bus) -> str:
    """Return a subject that a JetStream stream of somebody else takes."""
    await bus.js.add_stream(StreamConfig(name="WAREHOUSE", subjects=["warehouse.>"]))
    return "warehouse.kept"


@pytest.fixture
def quick(tmp_path: Path, nats_url: str) -> HubSettings:
    """Return settings under which a silent worker is given up after half a second."""
    patience = {"ack_wait_seconds": 0.5, "lease_seconds": 0.75, "sweep_seconds": 0.2}
    return make_settings(tmp_path, nats_url, dispatch=patience, stop_seconds=2)


@dataclass
class Hub:
    """What a test says to the worker."""

    bus: Bus
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def ask(self, plural: str, verb: str, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Ask the worker; returns the status and the answer."""
        reply = await self.bus.nc.request(subjects.ask(plural, verb), orjson.dumps(request), timeout=8)
        return (reply.headers or {}).get("Hub-Status", ""), orjson.loads(reply.data)

    async def apply(self, sink: Sink | str, name: str = "orders", **spec: Any) -> tuple[str, dict[str, Any]]:
        """Apply a Subscription without asking whether it is accepted."""
        address = sink if isinstance(sink, str) else sink.address
        wanted = {"sink": address, "source": "shop", "types": [TYPE]} | spec
        document = {"apiVersion": "eventing.kyma-project.io/v1alpha2", "kind": "Subscription"}
        return await self.ask(
            "subscriptions", "apply", {"document": document | {"metadata": {"name": name}, "spec": wanted}}
        )

    async def subscribe(self, sink: Sink | str, name: str = "orders", in_flight: int = 10, **spec: Any) -> None:
        """Apply a Subscription that retries quickly and never opens its circuit breaker, unless told otherwise."""
        quick = {"maxAttempts": 5, "backoff": {"schedule": ["10ms"]}, "circuitBreaker": False}
        spec["delivery"] = quick | spec.get("delivery", {})
        spec["config"] = {"maxInFlightMessages": str(in_flight)}
        status, answer = await self.apply(sink, name, **spec)
        assert status == "200", answer

    async def post(self, *ids: str, body: bytes = b"{}", kind: str = TYPE, **attributes: str) -> None:
        """Store events, in this order."""
        for event_id in ids:
            headers = {"ce-id": event_id, "ce-source": "shop", "ce-type": kind, "ce-specversion": "1.0"}
            headers |= {f"ce-{name}": value for name, value in attributes.items()}
            await self.bus.publish(subjects.event("shop", kind), body, headers)

    async def status(self, name: str = "orders") -> dict[str, Any]:
        """Return the status of a Subscription."""
        view = await self.bus.js.key_value(subjects.SUBSCRIPTIONS)
        document = orjson.loads((await view.get(subjects.key("default", name))).value or b"{}")
        status: dict[str, Any] = document.get("status", {})
        return status

    async def dead(self, count: int = 1, name: str = "orders") -> list[Msg]:
        """Wait for dead letters and return them."""
        found = await self.bus.nc.jetstream().pull_subscribe(subjects.dead("default", name), stream=subjects.DEAD)
        return await found.fetch(count, timeout=15)

    async def attempts(self, count: int, name: str = "orders") -> list[dict[str, Any]]:
        """Wait for records of attempts and return them."""
        found = await self.bus.nc.jetstream().pull_subscribe(
            subjects.attempts("default", name), stream=subjects.ATTEMPTS
        )
        records: list[dict[str, Any]] = []
        while len(records) < count:
            records += [orjson.loads(message.data) for message in await found.fetch(count - len(records), timeout=10)]
        return records

    async def settled(self, name: str = "orders") -> None:
        """Wait until nothing is pending and nothing unacknowledged."""
        durable = subjects.durable("default", name)
        limit = time.monotonic() + 15
        while True:
            info = await self.bus.js.consumer_info(subjects.EVENTS, durable)
            if not info.num_pending and not info.num_ack_pending:
                return
            assert time.monotonic() < limit, f"not settled: {info.num_pending} pending, {info.num_ack_pending} in hand"
            await asyncio.sleep(0.01)


@pytest.fixture
async def hub(bus: Bus) -> Hub:
    """Return what speaks to the worker; tests start it themselves."""
    return Hub(bus)


Run = Callable[..., Awaitable[Running]]
