"""What the tests of dead letters, replay and timelines share: Subscriptions, letters and events made by hand."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest

from contracts import subjects
from hub.kernel.broker import Bus

API_VERSION = "eventing.kyma-project.io/v1alpha2"
NOWHERE = "http://127.0.0.1:9/nobody"


class Sink:
    """A server that remembers the ids it got, and answers with one status."""

    def __init__(self) -> None:
        """Answer 200 unless told otherwise."""
        self.status = 200
        self.url = ""
        self.got: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request per connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0]) if "content-length: " in head else 0
        await reader.readexactly(length)
        self.got.append(head.split("ce-id: ")[1].split("\r\n")[0])
        writer.write(f"HTTP/1.1 {self.status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    """Return a running sink."""
    made = Sink()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    yield made
    server.close()


async def ask(bus: Bus, plural: str, verb: str, request: dict[str, Any]) -> dict[str, Any]:
    """Ask the worker; a refusal comes back as the problem itself."""
    reply = await bus.nc.request(subjects.ask(plural, verb), orjson.dumps(request), timeout=10)
    answer: dict[str, Any] = orjson.loads(reply.data)
    return answer


async def subscribe(bus: Bus, name: str = "orders", sink: str = NOWHERE, **spec: Any) -> None:
    """Apply a Subscription to order.created.v1 of the shop; a sink that nobody serves is retried for a long time."""
    delivery = {"backoff": {"schedule": ["1h"], "jitter": 0}}
    whole = {"sink": sink, "source": "shop", "types": ["order.created.v1"], "delivery": delivery} | spec
    document = {"apiVersion": API_VERSION, "kind": "Subscription", "metadata": {"name": name}, "spec": whole}
    answer = await ask(bus, "subscriptions", "apply", {"document": document})
    assert "outcome" in answer, answer


async def post(
    bus: Bus, event_id: str, event_type: str = "order.created.v1", source: str = "shop", **attributes: str
) -> int:
    """Store one event as ingress does; returns its sequence."""
    headers = {"ce-id": event_id, "ce-source": source, "ce-type": event_type, "ce-specversion": "1.0"}
    headers |= {"ce-datacontenttype": "application/json"} | {f"ce-{name}": value for name, value in attributes.items()}
    return (await bus.publish(subjects.event(source, event_type), b'{"n":1}', headers)).sequence


async def bury(bus: Bus, event_id: str, name: str = "orders", **headers: str) -> int:
    """Store one dead letter as dispatch does; returns its sequence. Header names begin after `Hub-` or are whole."""
    given = {
        "ce-id": event_id,
        "ce-source": "shop",
        "ce-type": "order.created.v1",
        "ce-specversion": "1.0",
        "ce-datacontenttype": "application/json",
        "Hub-Reason": "The sink answered 500.",
        "Hub-Kind": "attempts-exhausted",
        "Hub-Attempts": "3",
        "Hub-Status": "500",
        "Hub-Stream-Sequence": "7",
        "Hub-Subject": "events.shop.order.created.v1",
        "Hub-Subscription": f"default/{name}",
    }
    return (await bus.publish(subjects.dead("default", name), b'{"n":1}', given | headers)).sequence


async def stored(bus: Bus, stream: str, subject: str = ">") -> list[Any]:
    """Return the messages of a stream under a subject."""
    found = []
    info = await bus.js.stream_info(stream, subjects_filter=subject)
    if not info.state.messages:
        return []
    for sequence in range(info.state.first_seq, info.state.last_seq + 1):
        try:
            message = await bus.js.get_msg(stream, sequence)
        except Exception:
            continue
        if subject == ">" or (message.subject or "").startswith(subject.removesuffix(">")):
            found.append(message)
    return found


async def until(fact: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    """Wait for a fact."""
    limit = time.monotonic() + seconds
    while not await fact():
        assert time.monotonic() < limit, "it did not happen in time"
        await asyncio.sleep(0.01)
