"""Events of the stream, delivered again to one Subscription: which ones, and what is said of the others."""

import asyncio
import time
from typing import Any

import pytest

from contracts import subjects
from hub.dispatch.handlers import replays
from hub.kernel.broker import Bus
from tests.dispatch.letters import Sink, ask, bury, post, sink, stored, subscribe, until

__all__ = ["sink"]


@pytest.fixture
async def room(bus: Bus, running: Any) -> Bus:
    """Return the bus of a running dispatch."""
    await running(["dispatch"])
    return bus


async def replay(bus: Bus, **request: Any) -> dict[str, Any]:
    """Replay to `orders` from the first event on."""
    return await ask(bus, "subscriptions", "replay", {"name": "orders", "from_sequence": 1, "run": "r1"} | request)


async def at_rest(bus: Bus) -> None:
    """Wait until nothing waits for `orders` and nothing is in hand."""

    async def fact() -> bool:
        info = await bus.js.consumer_info(subjects.EVENTS, "dispatch_default__orders")
        return info.num_pending == 0 and info.num_ack_pending == 0

    await until(fact)


async def next_second() -> None:
    """Wait for the next second: a Subscription takes the events of the one in which it is made."""
    begun = int(time.time())
    while int(time.time()) == begun:
        await asyncio.sleep(0.01)


async def test_a_new_subscription_gets_the_past_when_asked(room: Bus, sink: Sink) -> None:
    """Events from before it was made were never its; after the replay they were, and are not replayed again."""
    await post(room, "a")
    await post(room, "b", "order.paid.v1")
    await next_second()
    await subscribe(room, sink=sink.url)
    assert (await replay(room))["replayed"] == 1
    await at_rest(room)
    assert sink.got == ["a"]
    assert (await replay(room, run="r2"))["left"] == {"delivered": 1}
    await at_rest(room)
    assert sink.got == ["a"]


async def test_only_what_never_succeeded_is_delivered_again(room: Bus, sink: Sink) -> None:
    """A dropped dead letter failed, the other event was delivered; --all takes both."""
    await subscribe(room, sink=sink.url, delivery={"maxAttempts": 1})
    await post(room, "good")
    await at_rest(room)
    sink.status = 500
    bad = await post(room, "bad")
    await at_rest(room)
    await ask(room, "dead", "drop", {"all": True})
    sink.status, sink.got = 200, []
    answer = await replay(room, dryRun=True)
    assert (answer["would"], answer["types"], answer["left"]) == (1, {"order.created.v1": 1}, {"delivered": 1})
    assert (await replay(room))["replayed"] == 1
    await at_rest(room)
    assert (sink.got, bad) == (["bad"], 2)
    assert (await replay(room, run="r2", all=True))["replayed"] == 2
    await at_rest(room)
    assert sorted(sink.got) == ["bad", "bad", "good"]


async def test_a_replayed_event_takes_its_dead_letter_off_the_pile(room: Bus, sink: Sink) -> None:
    """It is not replayed a second time from there."""
    sink.status = 500
    await subscribe(room, sink=sink.url, delivery={"maxAttempts": 1})
    await post(room, "bad")
    await at_rest(room)
    sink.status = 200
    assert (await replay(room))["replayed"] == 1
    await at_rest(room)
    assert await stored(room, subjects.DEAD) == []
    assert (await replay(room, run="r2"))["left"] == {"delivered": 1}


async def test_what_comes_by_itself_is_left_alone(room: Bus) -> None:
    """Events that wait or are retried are not doubled, not even by --all."""
    await subscribe(room, config={"maxInFlightMessages": "1"})
    await post(room, "a")
    await until(lambda: _in_hand(room))
    await room.js.pause_consumer(subjects.EVENTS, "dispatch_default__orders", "2100-01-01T00:00:00Z")
    await post(room, "b")
    answer = await replay(room, all=True)
    assert (answer["replayed"], answer["left"]) == (0, {"in_hand": 1, "waiting": 1})


async def _in_hand(bus: Bus) -> bool:
    return bool((await bus.js.consumer_info(subjects.EVENTS, "dispatch_default__orders")).num_ack_pending)


async def test_what_cannot_be_known_is_said(room: Bus, sink: Sink) -> None:
    """After a change of the Subscription nobody knows whether an earlier event was wanted; only --all replays it."""
    await subscribe(room, sink=sink.url, types=["order.paid.v1"])
    await post(room, "a")
    await post(room, "p", "order.paid.v1")
    await at_rest(room)
    await subscribe(room, sink=sink.url)
    answer = await replay(room)
    assert (answer["replayed"], answer["left"]) == (0, {"unknown": 1})
    assert (await replay(room, run="r2", all=True))["replayed"] == 1
    await at_rest(room)
    assert sink.got == ["p", "a"]


async def test_a_replay_is_narrowed(room: Bus) -> None:
    """By type, by an attribute, by a JSON pointer into the data, by the end; filters of the Subscription hold too."""
    for number in range(3):
        await post(room, f"a{number}", partitionkey=str(number))
    await post(room, "b", "order.paid.v1")
    await next_second()
    filters = [{"not": {"exact": {"id": "a2"}}}]
    await subscribe(room, types=["order.created.v1", "order.paid.v1"], filters=filters)
    assert (await replay(room, dryRun=True))["left"] == {"filtered": 1}
    assert (await replay(room, dryRun=True, type="order.paid.v1"))["would"] == 1
    assert (await replay(room, dryRun=True, key=["partitionkey", "1"]))["would"] == 1
    assert (await replay(room, dryRun=True, key=["/n", "1"]))["would"] == 3
    assert (await replay(room, dryRun=True, to_sequence=1))["would"] == 1
    assert (await replay(room, dryRun=True, to_at=1.0))["would"] == 0
    assert (await replay(room, type="other.v1"))["field"] == "type"


async def test_a_replay_goes_on_page_by_page_and_ends(room: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every event once, up to the newest when it began; a page asked for twice stores nothing twice."""
    monkeypatch.setattr(replays, "PAGE", 2)
    for number in range(5):
        await post(room, f"a{number}")
    await next_second()
    await subscribe(room)
    first = await replay(room, all=True)
    assert (first["replayed"], first["next"], first["total"]) == (2, 3, 5)
    further = {"cursor": first["next"], "last": first["last"], "all": True}
    second = await replay(room, **further)
    await replay(room, **further)
    third = await replay(room, **(further | {"cursor": second["next"]}))
    assert (third["replayed"], "next" in third) == (1, False)
    assert len(await stored(room, subjects.EVENTS, "replay.>")) == 5


async def test_a_letter_of_another_subscription_changes_nothing(room: Bus, sink: Sink) -> None:
    """What failed elsewhere was delivered here."""
    await subscribe(room, sink=sink.url)
    sequence = await post(room, "a")
    await at_rest(room)
    await bury(room, "a", "bills", **{"Hub-Stream-Sequence": str(sequence)})
    assert (await replay(room))["left"] == {"delivered": 1}


@pytest.mark.parametrize(
    ("request_", "field"),
    [({"from_sequence": None}, "from"), ({"name": "nobody"}, "name"), ({"key": "a"}, "key"), ({"to_at": "x"}, "to_at")],
    ids=["no beginning", "no Subscription", "key", "moment"],
)
async def test_wrong_requests_are_refused_by_name(room: Bus, request_: dict[str, Any], field: str) -> None:
    """Each says which part of it is wrong."""
    await subscribe(room)
    answer = await replay(room, **request_)
    assert (answer["status"] in (400, 404), answer.get("field") == field or field in answer) == (True, True)
