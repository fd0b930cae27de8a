"""Dead letters on request: found by what is said of them, delivered again, edited, dropped - whole or not at all."""

import asyncio
import base64
from typing import Any

import orjson
import pytest

from contracts import subjects
from hub.dispatch.handlers import dead_letters as handlers
from hub.kernel.broker import Bus
from tests.dispatch.letters import ask, bury, stored, subscribe


@pytest.fixture
async def room(bus: Bus, running: Any) -> Bus:
    """Return the bus of a running dispatch with the Subscription `orders`."""
    await running(["dispatch"])
    await subscribe(bus)
    return bus


async def ids(bus: Bus, **request: Any) -> list[str]:
    """Return the ids of the letters that a request lists."""
    return [item["id"] for item in (await ask(bus, "dead", "list", request))["items"]]


async def test_letters_are_found_by_what_is_said_of_them(room: Bus) -> None:
    """Subscription, type, kind of reason and time each narrow the list; without any it holds everything."""
    await bury(room, "a")
    await bury(room, "b", **{"ce-type": "order.cancelled.v1", "Hub-Kind": "final-status"})
    await bury(room, "c", "bills")
    at = (await ask(room, "dead", "show", {"sequence": 3}))["at"]
    assert await ids(room) == ["a", "b", "c"]
    assert await ids(room, name="orders") == ["a", "b"]
    assert await ids(room, type="order.cancelled.v1") == ["b"]
    assert await ids(room, kind="attempts-exhausted") == ["a", "c"]
    assert await ids(room, since=32503680000.0) == []
    assert await ids(room, until=0.0) == []
    assert at.endswith("Z")


async def test_a_list_is_read_in_pages_that_hide_nothing(room: Bus) -> None:
    """More letters than a page holds are all there, each once, in three requests."""
    await asyncio.gather(*(bury(room, f"e{n}") for n in range(1203)))
    seen: list[int] = []
    request: dict[str, Any] = {"name": "orders", "limit": 500}
    pages = 0
    while True:
        answer = await ask(room, "dead", "list", request)
        pages += 1
        seen += [item["sequence"] for item in answer["items"]]
        if "next" not in answer:
            break
        request |= {"cursor": answer["next"], "last": answer["last"]}
    assert (seen, pages) == (list(range(1, 1204)), 3)


async def test_a_page_costs_no_round_trip_per_letter(bus: Bus, running: Any) -> None:
    """The worker reads 300 letters with a handful of messages to the server."""
    process = await running(["dispatch"])
    await asyncio.gather(*(bury(bus, f"e{n}") for n in range(300)))
    before = process._bus.nc.stats["out_msgs"]
    assert len(await ids(bus)) == 300
    assert process._bus.nc.stats["out_msgs"] - before < 20


async def test_a_letter_that_is_not_there_is_told(room: Bus) -> None:
    """A wrong sequence is no empty success: every verb refuses it by name."""
    await bury(room, "a", "bills")
    for verb in ("list", "show", "replay", "drop"):
        answer = await ask(room, "dead", verb, {"sequence": 99})
        assert (answer["status"], answer["sequence"]) == (404, 99)
    answer = await ask(room, "dead", "drop", {"sequence": 1, "name": "orders"})
    assert (answer["status"], len(await stored(room, subjects.DEAD))) == (404, 1)


async def test_a_replayed_letter_says_where_it_came_from(room: Bus) -> None:
    """The event goes to its own Subscription with its attributes and data; the reason is gone, the way is kept."""
    sequence = await bury(room, "a")
    assert await ask(room, "dead", "replay", {"sequence": sequence, "by": "ann@desk"}) == {"replayed": 1}
    [event] = await stored(room, subjects.EVENTS)
    headers = event.headers
    assert (event.subject, event.data) == (subjects.replay("default", "orders"), b'{"n":1}')
    assert (headers["ce-id"], headers["Replay-Original-Sequence"], headers["Replay-Origin"]) == (
        "a", "7", "dead_letters"
    )
    assert headers["Replay-By"] == "ann@desk"
    assert "Hub-Reason" not in headers
    assert await stored(room, subjects.DEAD) == []


async def test_each_action_leaves_an_audit_record(room: Bus) -> None:
    """Who replayed or dropped which letter of which event can be read later."""
    first, second = await bury(room, "a"), await bury(room, "b")
    await ask(room, "dead", "replay", {"sequence": first, "by": "ann"})
    await ask(room, "dead", "drop", {"sequence": second, "by": "bob"})
    records = {each.subject: orjson.loads(each.data) for each in await stored(room, subjects.HUB, "hub.delivery.>")}
    replayed, dropped = records["hub.delivery.v1.replayed"], records["hub.delivery.v1.dropped"]
    assert (replayed["by"], replayed["event_id"], replayed["dead_sequence"], replayed["replay_sequence"]) == (
        "ann", "a", first, 1
    )
    assert (dropped["by"], dropped["event_id"], dropped["subscription"]) == ("bob", "b", "orders")


async def test_a_replay_cut_short_and_repeated_stores_the_event_once(
    room: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored before it is removed: a worker that ends between the two leaves the letter, and no second event."""
    await bury(room, "a")

    async def die(*_arguments: Any) -> None:
        raise RuntimeError("ended here")

    with monkeypatch.context() as patched:
        patched.setattr(handlers.scanning, "remove", die)
        assert (await ask(room, "dead", "replay", {"name": "orders"}))["status"] == 500
    assert (len(await stored(room, subjects.EVENTS)), len(await stored(room, subjects.DEAD))) == (1, 1)
    assert await ask(room, "dead", "replay", {"name": "orders"}) == {"replayed": 1}
    assert (len(await stored(room, subjects.EVENTS)), len(await stored(room, subjects.DEAD))) == (1, 0)


async def test_what_fails_again_is_not_taken_up_twice(room: Bus) -> None:
    """A letter that came after the call began is left for the next one."""
    await bury(room, "a")
    last = (await ask(room, "dead", "list", {}))["last"]
    await bury(room, "again")
    assert await ask(room, "dead", "replay", {"name": "orders", "last": last}) == {"replayed": 1}
    assert await ids(room) == ["again"]


async def test_a_full_stream_loses_no_letter(room: Bus) -> None:
    """What the stream takes no more stays a dead letter; the refusal says how many went before it."""
    for event_id in ("a", "b", "c"):
        await bury(room, event_id)
    config = (await room.js.stream_info(subjects.EVENTS)).config
    config.max_msgs = 1
    await room.js.update_stream(config)
    answer = await ask(room, "dead", "replay", {"name": "orders"})
    assert (answer["status"], "1 of this page replayed" in answer["detail"]) == (503, True)
    assert (len(await stored(room, subjects.EVENTS)), len(await stored(room, subjects.DEAD))) == (1, 2)
    config.max_msgs = -1
    await room.js.update_stream(config)
    assert await ask(room, "dead", "replay", {"name": "orders"}) == {"replayed": 2}


async def test_a_dry_run_says_what_would_happen_and_does_nothing(room: Bus) -> None:
    """Counted by Subscription, type and kind of reason."""
    await bury(room, "a")
    await bury(room, "b")
    answer = await ask(room, "dead", "replay", {"name": "orders", "dryRun": True})
    group = {"scope": "default", "subscription": "orders", "type": "order.created.v1", "kind": "attempts-exhausted"}
    assert answer == {"would": 2, "groups": [group | {"count": 2}]}
    assert (len(await stored(room, subjects.EVENTS)), len(await stored(room, subjects.DEAD))) == (0, 2)


async def test_edited_data_is_sent_and_the_edit_is_told(room: Bus) -> None:
    """The attributes stay, the data is the new one, and the event says who changed it and what it was."""
    sequence = await bury(room, "a")
    edit = {"data": base64.b64encode(b'{"n":2}').decode()}
    await ask(room, "dead", "replay", {"sequence": sequence, "edit": edit, "by": "ann"})
    [event] = await stored(room, subjects.EVENTS)
    assert (event.data, event.headers["ce-id"], event.headers["Edit-By"]) == (b'{"n":2}', "a", "ann")
    assert event.headers["Edit-Of"].startswith("sha256:")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"sequence": 1, "edit": {"data": "bm8ganNvbg=="}}, "application/json"),
        ({"name": "orders", "edit": {"data": "e30="}}, "sequence"),
        ({"sequence": 1, "edit": {"data": "?"}}, "base64"),
    ],
    ids=["no longer JSON", "several letters", "no base64"],
)
async def test_an_edit_that_cannot_be_meant_is_refused(room: Bus, request_: dict[str, Any], field: str) -> None:
    """The letter stays as it was."""
    await bury(room, "a")
    answer = await ask(room, "dead", "replay", request_)
    assert (answer["status"], field in answer["detail"]) == (400, True)
    assert len(await stored(room, subjects.DEAD)) == 1


async def test_nothing_is_replayed_into_nothing(room: Bus) -> None:
    """A letter whose Subscription is gone stays, and the answer says whose it is."""
    sequence = await bury(room, "a", "gone")
    assert await ask(room, "dead", "replay", {"name": "gone"}) == {"replayed": 0, "skipped": {"default/gone": 1}}
    answer = await ask(room, "dead", "replay", {"sequence": sequence})
    assert (answer["status"], "apply the Subscription" in answer["detail"]) == (404, True)
    assert await stored(room, subjects.EVENTS) == []


async def test_everything_must_be_asked_for(room: Bus) -> None:
    """Neither a replay of all Subscriptions nor any drop happens by leaving words out."""
    await bury(room, "a")
    assert (await ask(room, "dead", "replay", {}))["status"] == 400
    assert (await ask(room, "dead", "drop", {"name": "orders"}))["status"] == 400
    assert await ask(room, "dead", "drop", {"all": True}) == {"dropped": 1}


async def test_the_letters_of_each_subscription_are_counted(room: Bus) -> None:
    """A Subscription with a dot in its name is told by its name."""
    await bury(room, "a")
    await room.publish(subjects.dead("default", "a.b"), b"", {})
    assert (await ask(room, "dead", "summary", {}))["items"] == [
        {"scope": "default", "subscription": "a.b", "count": 1},
        {"scope": "default", "subscription": "orders", "count": 1},
    ]
