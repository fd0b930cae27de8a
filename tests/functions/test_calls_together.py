"""Several events in one request on the bus: each is a call of its own all the same."""

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
from nats.aio.msg import Msg

from contracts import subjects
from contracts.calls import SIGN_SECONDS, TIMEOUT, TOGETHER, pack
from tests.functions.conftest import event_headers
from tests.functions.test_deployment import Hub, hub

__all__ = ["hub"]  # the fixture

SOURCE = """
import os, time

def main(event, context):
    data = event["data"]
    if data == "raise":
        raise ValueError(event["ce-id"])
    if data == "die":
        os._exit(1)
    if data == "parts":
        return iter(["one", "two"])
    time.sleep(data)
    return "slept"
"""


class Replies:
    """The replies to one request, put together by the places of the calls."""

    def __init__(self) -> None:
        """Start with none."""
        self.messages: list[list[Any]] = []
        self.said: dict[int, list[Any]] = {}
        self._changed = asyncio.Condition()

    async def take(self, message: Msg) -> None:
        """Take one reply."""
        told = orjson.loads(message.data)
        async with self._changed:
            self.messages.append(told)
            assert not self.said.keys() & {one[0] for one in told}, "a call is answered once"
            self.said |= {one[0]: one[1:] for one in told}
            self._changed.notify_all()

    async def until(self, places: set[int]) -> None:
        """Wait until these calls are answered."""
        async with self._changed, asyncio.timeout(20):
            await self._changed.wait_for(lambda: places <= self.said.keys())


async def call_together(hub: Hub, data: Sequence[Any], name: str = "orders", seconds: float = 10) -> Replies:
    """Send events in one request."""
    replies, inbox = Replies(), hub.bus.nc.new_inbox()
    await hub.bus.nc.subscribe(inbox, cb=replies.take)
    calls = [(orjson.dumps(event_headers(id=f"e-{at}")), orjson.dumps(each)) for at, each in enumerate(data)]
    headers = {TOGETHER: str(len(calls)), TIMEOUT: f"{seconds:g}"}
    await hub.bus.nc.publish(subjects.call("default", name), pack(calls), reply=inbox, headers=headers)
    return replies


async def test_each_call_has_its_own_answer(hub: Hub) -> None:
    """Success is a status, a failure also says why; what comes in parts is a success like any other."""
    await hub.apply(SOURCE)
    await hub.judged()
    replies = await call_together(hub, [0, "raise", "parts", 0])
    await replies.until({0, 1, 2, 3})
    error = "ValueError: e-1 (handler.py, line 7)"
    assert replies.said == {0: [200], 1: [500, error, "Internal server error"], 2: [200], 3: [200]}


async def test_a_slow_call_holds_up_no_answer_of_the_others(hub: Hub) -> None:
    """Quick ones are answered while it is at work, and its own time limit ends it alone."""
    await hub.apply(SOURCE)
    await hub.judged()
    replies = await call_together(hub, [0, 60, 0, 0.3], seconds=2)
    await replies.until({0, 2, 3})
    assert 1 not in replies.said
    await replies.until({1})
    assert replies.said[1][0] == 408


async def test_what_takes_long_gives_signs_of_life_until_it_is_answered(hub: Hub) -> None:
    """Whoever waits can tell it from a dead worker; nothing is said of what is answered."""
    await hub.apply(SOURCE)
    await hub.judged()
    first = await call_together(hub, [0, 2.5 * SIGN_SECONDS])
    await first.until({0, 1})
    assert [] in first.messages[1:], "a sign between the two answers"
    said = len(first.messages)
    second = await call_together(hub, [2.5 * SIGN_SECONDS])
    await second.until({0})
    assert [] in second.messages and said == len(first.messages)


async def test_a_crash_costs_the_calls_in_hand_only(hub: Hub) -> None:
    """Each of them is answered as lost, to be tried again; what was answered before stays answered."""
    await hub.apply(SOURCE)
    await hub.judged()
    replies = await call_together(hub, [0, "die"])
    await replies.until({0, 1})
    assert replies.said[1][0] == 502
    again = await call_together(hub, [0])
    await again.until({0})
    assert again.said == {0: [200]}


async def test_a_function_that_is_not_there_is_said_for_each(hub: Hub) -> None:
    """No call waits for its time limit."""
    replies = await call_together(hub, [0, 0], name="nobody")
    await replies.until({0, 1})
    assert [404, 404] == [said[0] for said in replies.said.values()]


async def test_answers_that_are_known_together_go_together(hub: Hub) -> None:
    """Many quick calls take few replies."""
    await hub.apply(SOURCE)
    await hub.judged()
    replies = await call_together(hub, [0] * 200)
    await replies.until(set(range(200)))
    assert len(replies.messages) < 150


async def test_a_request_that_cannot_be_read_harms_nobody(hub: Hub) -> None:
    """It is passed over; the next one is answered."""
    await hub.apply(SOURCE)
    await hub.judged()
    await hub.bus.nc.publish(subjects.call("default", "orders"), b"\0\0\0", headers={TOGETHER: "1"})
    replies = await call_together(hub, [0])
    await replies.until({0})
