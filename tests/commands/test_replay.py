"""`hub replay` as operators and scripts use it."""

import asyncio
import time
from typing import Any

import pytest

from hub.commands.replay import replay_all
from hub.commands.session import Session
from hub.kernel.broker import Bus
from tests.commands.line import Line
from tests.dispatch.letters import post, stored, subscribe


@pytest.fixture
async def past(bus: Bus, running: Any) -> Bus:
    """Return the bus of a dispatch whose Subscription `orders` is younger than three events."""
    await running(["dispatch"])
    for number in range(3):
        await post(bus, f"e{number}", partitionkey=str(number))
    begun = int(time.time())
    while int(time.time()) == begun:
        await asyncio.sleep(0.01)
    await subscribe(bus)
    return bus


async def test_a_replay_is_rehearsed_then_done(past: Bus, hub: Line) -> None:
    """The dry run counts by type; the replay counts what it did and what it left, with the reason."""
    rehearsed = await hub("replay", "orders", "--from", "1h", "--dry-run")
    assert (rehearsed.status, rehearsed.out.split()[:2], "3  order.created.v1" in rehearsed.out) == (
        0, ["3", "events"], True
    )
    assert (await hub("replay", "orders", "--from", "1", "--to", "2", "-o", "json")).json == {"replayed": 2, "left": {}}
    rest = await hub("replay", "orders", "--from", "1")
    assert ("replayed 1" in rest.out, "left 2: " in rest.out) == (True, True)
    assert len(await stored(past, "EVENTS", "replay.>")) == 3


async def test_a_replay_of_many_pages_is_summed_up(past: Bus, hub: Line) -> None:
    """However small the pages, every event is replayed once and counted."""
    session = Session(hub.settings, past.nc, past.js)
    request = {"name": "orders", "from_sequence": 1, "run": "r", "limit": 1}
    assert await replay_all(session, request) == {"replayed": 3, "left": {}}


async def test_a_key_narrows(past: Bus, hub: Line) -> None:
    """An attribute and its value; anything else is wrong usage."""
    assert (await hub("replay", "orders", "--from", "1", "--key", "partitionkey=1", "-o", "json")).json["replayed"] == 1
    assert (await hub("replay", "orders", "--from", "1", "--key", "partitionkey")).status == 2


async def test_refusals_are_one_line(past: Bus, hub: Line) -> None:
    """No such Subscription, no such time; no beginning is wrong usage."""
    assert "no Subscription 'nobody'" in (await hub("replay", "nobody", "--from", "1")).err
    assert "--from 'then'" in (await hub("replay", "orders", "--from", "then")).err
    assert (await hub("replay", "orders")).status == 2
    assert "Examples" in (await hub("replay", "--help")).out
