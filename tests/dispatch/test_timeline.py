"""One event, asked about: every way that a Subscription can stand with it, against real streams and consumers."""

from typing import Any

import orjson
import pytest

from contracts import subjects
from hub.dispatch.handlers import events
from hub.kernel.broker import Bus
from tests.dispatch.letters import Sink, ask, bury, post, sink, stored, subscribe, until

__all__ = ["sink"]


@pytest.fixture
async def room(bus: Bus, running: Any) -> Bus:
    """Return the bus of a running dispatch."""
    await running(["dispatch"])
    return bus


async def why(bus: Bus, sequence: int, name: str = "orders") -> dict[str, Any]:
    """Return the verdict on an event and a Subscription."""
    return await ask(bus, "events", "why", {"sequence": sequence, "name": name})


async def settled(bus: Bus, sequence: int, state: str, name: str = "orders") -> dict[str, Any]:
    """Return the verdict once it has the expected state."""
    await until(lambda: _is(bus, sequence, state, name))
    return await why(bus, sequence, name)


async def _is(bus: Bus, sequence: int, state: str, name: str) -> bool:
    return bool((await why(bus, sequence, name)).get("state") == state)


async def test_a_delivered_event_is_told_from_the_position_alone(room: Bus, sink: Sink) -> None:
    """Successes leave no record; the consumer's position says that this one is done."""
    await subscribe(room, sink=sink.url)
    verdict = await settled(room, await post(room, "e"), "delivered")
    assert (verdict["step"], verdict["certain"], verdict["deliveries"]) == ("delivered", True, [])


async def test_a_changed_subscription_makes_no_claim_about_before(room: Bus, sink: Sink) -> None:
    """Whether the earlier spec wanted the event is not known, and that is what is said."""
    await subscribe(room, sink=sink.url)
    sequence = await post(room, "e")
    await settled(room, sequence, "delivered")
    await subscribe(room, sink=sink.url, types=["order.created.v1", "order.paid.v1"])
    verdict = await settled(room, sequence, "settled")
    assert (verdict["certain"], "changed" in verdict["text"]) == (False, True)


@pytest.mark.parametrize(
    ("spec", "step", "text"),
    [
        ({"types": ["order.paid.v1"]}, "type", "order.paid.v1"),
        ({"source": "desk"}, "source", "desk"),
        ({"filters": [{"exact": {"type": "order.created.v1"}}, {"prefix": {"id": "x"}}]}, "filter", "spec.filters[1]"),
    ],
    ids=["type", "source", "filter"],
)
async def test_the_step_that_said_no_is_named(room: Bus, spec: dict[str, Any], step: str, text: str) -> None:
    """Type, source or the number of the filter, with what was wanted."""
    await subscribe(room, **spec)
    verdict = await why(room, await post(room, "e"))
    assert (verdict["state"], verdict["step"], verdict["matched"], text in verdict["text"]) == (
        "not_matched", step, False, True
    )


async def test_an_event_from_before_the_subscription_was_never_its(room: Bus) -> None:
    """Made later: not delivered, with the way to bring it."""
    sequence = await post(room, "e")
    stored_at = (await room.js.get_msg(subjects.EVENTS, sequence)).time
    assert stored_at is not None
    # A Subscription takes the events of the second in which it was made.
    await until(lambda: _second_after(room, stored_at.timestamp()))
    await subscribe(room)
    verdict = await why(room, sequence)
    assert (verdict["state"], verdict["step"]) == ("not_delivered", "created_after")


async def _second_after(bus: Bus, moment: float) -> bool:
    import time

    return time.time() >= int(moment) + 1


async def test_a_failing_event_tells_its_attempts_and_the_next_one(room: Bus, sink: Sink) -> None:
    """Waiting for its next attempt, with status, duration and outcome of each so far."""
    sink.status = 503
    await subscribe(room, sink=sink.url)
    verdict = await settled(room, await post(room, "e"), "retrying")
    [delivery] = verdict["deliveries"]
    [attempt] = delivery["attempts"]
    assert (attempt["attempt"], attempt["status"], attempt["outcome"], verdict["step"]) == (1, 503, "retry", "sink")
    assert attempt["at"].endswith("Z")


async def test_events_behind_a_full_hand_wait(room: Bus, sink: Sink) -> None:
    """Not handed out yet is told as such."""
    sink.status = 503
    await subscribe(room, sink=sink.url)
    await room.js.pause_consumer(subjects.EVENTS, "dispatch_default__orders", "2100-01-01T00:00:00Z")
    verdict = await why(room, await post(room, "e"))
    assert (verdict["state"], verdict["step"]) == ("waiting", "paused")


async def test_a_dead_letter_is_followed_through_replay_to_delivery(room: Bus, sink: Sink) -> None:
    """Given up, replayed, delivered: one page tells the whole way, and the newest state counts."""
    sink.status = 500
    await subscribe(room, sink=sink.url, delivery={"maxAttempts": 2, "backoff": {"schedule": ["1ms"], "jitter": 0}})
    sequence = await post(room, "e")
    verdict = await settled(room, sequence, "dead_lettered")
    assert (verdict["dead_letter"]["attempts"], "hub dead replay --sequence 1" in verdict["text"]) == (2, True)
    sink.status = 200
    await ask(room, "dead", "replay", {"name": "orders", "by": "ann"})
    verdict = await settled(room, sequence, "delivered")
    first, second = verdict["deliveries"]
    assert [each["outcome"] for each in first["attempts"]] == ["retry", "dead_letter"]
    assert (second["origin"], second["by"], second["replay_of"]) == ("dead_letters", "ann", sequence)


async def test_a_replay_that_fails_again_is_dead_again(room: Bus, sink: Sink) -> None:
    """The second dead letter counts, found by the place of the replay."""
    sink.status = 500
    await subscribe(room, sink=sink.url, delivery={"maxAttempts": 1})
    sequence = await post(room, "e")
    await settled(room, sequence, "dead_lettered")
    await ask(room, "dead", "replay", {"name": "orders"})
    await until(lambda: _buried(room, 2))
    verdict = await settled(room, sequence, "dead_lettered")
    assert verdict["dead_letter"]["sequence"] == 2
    await ask(room, "dead", "replay", {"name": "orders"})
    replays = await stored(room, subjects.EVENTS, "replay.>")
    assert [each.headers["Replay-Original-Sequence"] for each in replays] == [str(sequence)] * 2


async def _buried(bus: Bus, sequence: int) -> bool:
    return (await bus.js.stream_info(subjects.DEAD)).state.last_seq >= sequence


async def test_a_dropped_dead_letter_is_no_delivery(room: Bus, sink: Sink) -> None:
    """Who dropped it is told; the position alone would have said delivered."""
    sink.status = 500
    await subscribe(room, sink=sink.url, delivery={"maxAttempts": 1})
    sequence = await post(room, "e")
    await settled(room, sequence, "dead_lettered")
    await ask(room, "dead", "drop", {"all": True, "by": "bob"})
    verdict = await settled(room, sequence, "dropped")
    assert "bob" in verdict["text"]


async def test_one_event_is_shown_with_every_subscription(room: Bus, sink: Sink) -> None:
    """Accepted, stored, and a row for each Subscription, wanted or not."""
    await subscribe(room, sink=sink.url)
    await subscribe(room, "desk", source="desk")
    sequence = await post(room, "e")
    await settled(room, sequence, "delivered")
    answer = await ask(room, "events", "show", {"id": "e"})
    assert (answer["event"]["id"], answer["accepted"]["by"], answer["stored"]["sequence"]) == ("e", "shop", sequence)
    assert {row["subscription"]: row["state"] for row in answer["subscriptions"]} == {
        "desk": "not_matched", "orders": "delivered"
    }


async def test_the_newest_of_equal_ids_is_found_and_a_source_narrows(room: Bus) -> None:
    """Ids are unique within a source only."""
    first = await post(room, "e", source="shop")
    second = await post(room, "e", source="desk")
    assert (await ask(room, "events", "show", {"id": "e"}))["stored"]["sequence"] == second
    assert (await ask(room, "events", "show", {"id": "e", "source": "shop"}))["stored"]["sequence"] == first


async def test_a_long_search_goes_on_where_it_stopped(room: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request searches a part; the answer leads to the next, and an event that is nowhere is told."""
    monkeypatch.setattr(events, "_WINDOW", 3)
    monkeypatch.setattr(events, "_SEARCHED", 6)
    for number in range(10):
        await post(room, f"e{number}")
    answer = await ask(room, "events", "show", {"id": "e0"})
    assert answer == {"next": 5}
    assert (await ask(room, "events", "show", {"id": "e0", "before": 5}))["stored"]["sequence"] == 1
    assert (await ask(room, "events", "show", {"id": "none", "before": 5}))["status"] == 404


async def test_records_of_an_earlier_writer_are_read(room: Bus) -> None:
    """An attempt without position and time is placed by when it was recorded."""
    await subscribe(room, types=["other.v1"])
    sequence = await post(room, "e")
    record = {"id": "e", "source": "shop", "attempt": 1, "status": 200, "outcome": "ack", "seconds": 0.1}
    await room.publish(subjects.attempts("default", "orders"), orjson.dumps(record), {})
    verdict = await why(room, sequence)
    assert (verdict["state"], verdict["deliveries"][0]["attempts"][0]["status"]) == ("delivered", 200)


async def test_a_subscription_that_is_gone_is_told_by_its_records(room: Bus) -> None:
    """Its dead letter is still there, so the page shows it."""
    sequence = await post(room, "e")
    await bury(room, "e", "gone", **{"Hub-Stream-Sequence": str(sequence)})
    [row] = (await ask(room, "events", "show", {"sequence": sequence}))["subscriptions"]
    assert (row["subscription"], row["state"]) == ("gone", "dead_lettered")


async def test_what_is_not_there_is_refused_by_name(room: Bus) -> None:
    """A wrong sequence, a wrong Subscription."""
    sequence = await post(room, "e")
    assert (await ask(room, "events", "show", {"sequence": 99}))["status"] == 404
    answer = await why(room, sequence, "nobody")
    assert (answer["status"], answer["name"]) == (404, "nobody")
    assert (await ask(room, "events", "show", {}))["status"] == 400
