"""The sink `function:NAME`: events that are ready together are called together, each judged by its own answer."""

import asyncio
from collections import Counter
from typing import Any

import orjson
import pytest
from nats.aio.msg import Msg

from contracts import subjects
from contracts.calls import AT_WORK, SIGN_SECONDS, unpack
from tests.dispatch.delivery.conftest import Hub, Run


class Function:
    """Answers the calls of a request all at once, by the id of the event."""

    def __init__(self, hub: Hub, refused: str, replies: Any = None) -> None:
        """Refuse one event for good; or answer everything with these bytes."""
        self._hub = hub
        self._refused = refused
        self._replies = replies
        self.silent_at_first = False
        self.signs = 0
        self.requests: list[int] = []
        self.ids: Counter[str] = Counter()

    async def start(self) -> None:
        """Be called from now on."""
        await self._hub.bus.nc.subscribe(subjects.call("default", "taker"), cb=self._called)
        await self._hub.bus.nc.flush()

    async def _called(self, message: Msg) -> None:
        ids = [orjson.loads(headers)["ce-id"] for headers, _ in unpack(message.data)]
        self.requests.append(len(ids))
        self.ids.update(ids)
        if self.silent_at_first and len(self.requests) == 1:
            return
        for _ in range(self.signs):
            await asyncio.sleep(SIGN_SECONDS)
            await self._hub.bus.nc.publish(message.reply, AT_WORK)
        told = [[at, 400, "no", "because"] if one == self._refused else [at, 200] for at, one in enumerate(ids)]
        await self._hub.bus.nc.publish(message.reply, orjson.dumps(told) if self._replies is None else self._replies)


async def test_events_that_are_ready_together_are_called_together(hub: Hub, running: Run) -> None:
    """A backlog takes fewer requests than events; one that is refused is nobody else's failure."""
    function = Function(hub, refused="e-7")
    await function.start()
    await running(["dispatch"])
    await hub.subscribe("function:taker", in_flight=50, delivery={"finalStatusCodes": [400]})
    await hub.ask("subscriptions", "pause", {"name": "orders", "scope": "default"})
    await hub.post(*(f"e-{number}" for number in range(300)))
    await hub.ask("subscriptions", "resume", {"name": "orders", "scope": "default"})
    (letter,) = await hub.dead()
    await hub.settled()
    headers = letter.headers or {}
    assert (headers["ce-id"], headers["Hub-Status"], headers["Hub-Response"]) == ("e-7", "400", "because")
    assert {f"e-{number}": 1 for number in range(300)} == function.ids
    assert len(function.requests) < 200 and max(function.requests) <= 32


async def test_a_large_event_goes_alone(hub: Hub, running: Run) -> None:
    """What is called together never grows past what the bus carries."""
    function = Function(hub, refused="")
    await function.start()
    await running(["dispatch"])
    await hub.subscribe("function:taker", in_flight=10)
    await hub.ask("subscriptions", "pause", {"name": "orders", "scope": "default"})
    await hub.post(*(f"e-{number}" for number in range(6)), body=b'"' + b"x" * 400_000 + b'"')
    await hub.ask("subscriptions", "resume", {"name": "orders", "scope": "default"})
    await hub.settled()
    assert [1] * 6 == function.requests


@pytest.mark.parametrize("replies", [b"", b"[[0]]", b"{}", b"[7]"])
async def test_an_answer_that_cannot_be_read_is_no_success(hub: Hub, running: Run, replies: bytes) -> None:
    """The event is tried again and given up in the end; its dead letter says why."""
    function = Function(hub, refused="", replies=replies)
    await function.start()
    await running(["dispatch"])
    await hub.subscribe("function:taker", delivery={"maxAttempts": 2, "timeout": "200ms"})
    await hub.post("e-1")
    (letter,) = await hub.dead()
    assert (letter.headers or {})["Hub-Kind"] == "attempts-exhausted"
    assert {"e-1": 2} == function.ids


async def test_the_events_of_a_worker_that_fell_silent_are_tried_again(hub: Hub, running: Run) -> None:
    """A killed worker says nothing any more: nobody waits for the whole time limit of the delivery."""
    function = Function(hub, refused="")
    function.silent_at_first = True
    await function.start()
    await running(["dispatch"])
    await hub.subscribe("function:taker", delivery={"timeout": "10m"})
    await hub.post("e-1")
    (record,) = await hub.attempts(1)
    assert "The worker of the Function 'taker' was silent" in record["error"]
    await hub.settled()
    assert {"e-1": 2} == function.ids


async def test_a_call_that_takes_long_is_waited_for(hub: Hub, running: Run) -> None:
    """As long as its worker gives signs of life it is not called again, however long that takes."""
    function = Function(hub, refused="")
    function.signs = 5
    await function.start()
    await running(["dispatch"])
    await hub.subscribe("function:taker", delivery={"timeout": "10m"})
    await hub.post("e-1")
    await hub.settled()
    assert {"e-1": 1} == function.ids
