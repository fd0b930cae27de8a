"""Events on their way to a real HTTP sink: delivered, tried again, given up, replayed."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest

from contracts import subjects
from hub.kernel.broker import Bus


class Target:
    """A small HTTP server that answers with the given statuses, the last one for ever."""

    def __init__(self) -> None:
        """Answer 200 unless told otherwise."""
        self.statuses = [200]
        self.heads: list[str] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request per connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0]) if "content-length: " in head else 0
        await reader.readexactly(length)
        self.heads.append(head)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    """Return a running target."""
    made = Target()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


async def until(fact: Callable[[], bool]) -> None:
    """Wait for a fact."""
    limit = time.monotonic() + 8
    while not fact():
        assert time.monotonic() < limit, "it did not happen in time"
        await asyncio.sleep(0.01)


async def ask(bus: Bus, plural: str, verb: str, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Ask the worker; returns the status and the answer."""
    reply = await bus.nc.request(subjects.ask(plural, verb), orjson.dumps(request), timeout=5)
    return (reply.headers or {}).get("Hub-Status", ""), orjson.loads(reply.data)


async def apply(bus: Bus, target: Target, **more: Any) -> tuple[str, dict[str, Any]]:
    """Apply a Subscription to the target."""
    delivery = {"maxAttempts": 2, "backoff": {"schedule": ["10ms"]}}
    sink = f"http://127.0.0.1:{target.port}/in"
    spec = {"sink": sink, "source": "shop", "types": ["order.created.v1"], "delivery": delivery} | more
    kind = {"apiVersion": "eventing.kyma-project.io/v1alpha2", "kind": "Subscription", "metadata": {"name": "orders"}}
    return await ask(bus, "subscriptions", "apply", {"document": kind | {"spec": spec}})


async def publish(bus: Bus) -> None:
    """Store one event."""
    headers = {"ce-id": "e-1", "ce-source": "shop", "ce-type": "order.created.v1", "ce-specversion": "1.0"}
    await bus.publish(subjects.event("shop", "order.created.v1"), b"{}", headers)


async def test_a_failed_attempt_is_tried_again(bus: Bus, running: Any, target: Target) -> None:
    """A 503 is followed by another attempt, with the event's attributes."""
    await running(["dispatch"])
    target.statuses = [503, 200]
    status, answer = await apply(bus, target)
    assert status == "200", answer
    await publish(bus)
    await until(lambda: len(target.heads) == 2)
    assert "ce-id: e-1" in target.heads[1]


async def test_a_dead_letter_is_replayed(bus: Bus, running: Any, target: Target) -> None:
    """After the last attempt the event is kept, and a replay delivers it."""
    await running(["dispatch"])
    target.statuses = [500]
    await apply(bus, target)
    await publish(bus)
    await until(lambda: len(target.heads) == 2)
    items: list[Any] = []
    limit = time.monotonic() + 5
    while not items and time.monotonic() < limit:
        items = (await ask(bus, "dead", "list", {"name": "orders"}))[1]["items"]
    assert items[0]["attempts"] == 2
    target.statuses = [200]
    assert (await ask(bus, "dead", "replay", {"name": "orders"}))[1] == {"replayed": 1}
    await until(lambda: len(target.heads) == 3)


async def test_an_unknown_field_is_refused(bus: Bus, running: Any, target: Target) -> None:
    """Nothing is passed over: the refusal names the path."""
    await running(["dispatch"])
    status, answer = await apply(bus, target, sinks="x")
    assert (status, answer["field"]) == ("400", "spec.sinks")
