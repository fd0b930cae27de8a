"""Pause, resume, another position; and what the status says."""

import asyncio
from contextlib import asynccontextmanager

import orjson
import pytest
from nats.aio.msg import Msg

from contracts import subjects
from hub.kernel.broker import Bus
from tests.dispatch.delivery.conftest import Hub, Run, Sink, function_sink, until


async def test_a_paused_subscription_keeps_its_events(hub: Hub, running: Run, sink: Sink) -> None:
    """Nothing is delivered while it is paused; afterwards everything is, in both forms."""
    await running(["dispatch"])
    await hub.subscribe(sink, paused=True)
    await hub.post("1")
    status = await hub.status()
    assert (status["ready"], status["conditions"][0]["reason"]) == (False, "Subscription paused")
    assert (await hub.ask("subscriptions", "resume", {"name": "orders"}))[1]["outcome"] == "configured"
    await until(lambda: sink.ids == ["1"])
    assert (await hub.status())["ready"] is True
    assert (await hub.ask("subscriptions", "pause", {"name": "orders"}))[1]["outcome"] == "configured"
    assert (await hub.ask("subscriptions", "pause", {"name": "orders"}))[1]["outcome"] == "unchanged"
    await hub.post("2")
    await hub.subscribe(sink, paused=False)
    await until(lambda: sink.ids == ["1", "2"])


async def test_a_position_can_be_set(hub: Hub, running: Run, sink: Sink) -> None:
    """Backwards repeats, forwards skips; a position in the stream is exact."""
    await running(["dispatch"])
    await hub.post("before")
    await hub.subscribe(sink)
    await hub.post("1", "2")
    await until(lambda: sink.ids == ["1", "2"])
    assert (await hub.ask("subscriptions", "reset", {"name": "orders", "to": "beginning"}))[0] == "200"
    await until(lambda: sink.ids[2:] == ["before", "1", "2"])
    await hub.ask("subscriptions", "pause", {"name": "orders"})
    await hub.post("skipped")
    assert (await hub.ask("subscriptions", "reset", {"name": "orders", "to": "now"}))[0] == "200"
    await hub.ask("subscriptions", "resume", {"name": "orders"})
    await hub.post("3")
    await until(lambda: sink.ids[5:] == ["3"])
    assert (await hub.ask("subscriptions", "reset", {"name": "orders", "to": 5}))[0] == "200"
    await until(lambda: sink.ids[6:] == ["3"])


@pytest.mark.parametrize("to", [None, "yesterday", 0, True, [], "2026-13-01T00:00:00Z"])
async def test_what_is_no_position_is_refused(hub: Hub, running: Run, sink: Sink, to: object) -> None:
    """With the field's name, and nothing changed."""
    await running(["dispatch"])
    await hub.subscribe(sink)
    status, answer = await hub.ask("subscriptions", "reset", {"name": "orders", "to": to})
    assert (status, answer["field"]) == ("400", "to")


async def test_the_status_tells_the_clean_types_and_their_consumer(hub: Hub, running: Run, sink: Sink) -> None:
    """As upstream: cleaned with typeMatching standard, the original with exact."""
    await running(["dispatch"])
    await hub.subscribe(sink, types=["order.cre-ä+t*ed.v2"])
    status = await hub.status()
    assert status["types"] == [{"originalType": "order.cre-ä+t*ed.v2", "cleanType": "order.cre-ä+ted.v2"}]
    assert status["backend"]["types"][0]["consumerName"] == "dispatch_default__orders"
    assert [found["type"] for found in status["conditions"]] == ["Subscription active", "Subscription spec valid"]
    await hub.subscribe(sink, types=["order.cre-ä+t*ed.v2"], typeMatching="exact")
    assert (await hub.status())["types"][0]["cleanType"] == "order.cre-ä+t*ed.v2"


async def test_overlapping_types_are_no_obstacle(hub: Hub, running: Run, sink: Sink) -> None:
    """The same type from one source and from any is delivered once."""
    await running(["dispatch"])
    both = ["order.created.v1", "sap.kyma.custom.shop.order.created.v1"]
    await hub.subscribe(sink, typeMatching="exact", source="", types=both)
    await hub.post("1")
    await until(lambda: bool(sink.received))
    await hub.settled()
    assert sink.ids == ["1"]


async def test_the_longest_names_have_a_consumer(hub: Hub, running: Run, sink: Sink) -> None:
    """nats-server refuses longer ones; they are cut and stay apart."""
    await running(["dispatch"])
    for last in "ab":
        status, answer = await hub.apply(sink, "n" * 252 + last)
        assert status == "200", answer
    await hub.post("1")
    await until(lambda: len(sink.received) == 2)


async def test_a_sink_that_is_gone_pauses_its_subscription(hub: Hub, running: Run, sink: Sink) -> None:
    """410: nothing more is sent, the status says why, and after it is resumed no event is missing."""
    await running(["dispatch"])
    sink.answers = lambda _id: 410
    await hub.subscribe(sink, in_flight=1)
    await hub.post("1")
    (letter,) = await hub.dead()
    assert (letter.headers or {})["ce-id"] == "1"
    await until_paused(hub)
    await hub.post("2", "3")
    status = await hub.status()
    assert status["pause"]["reason"] == "sink_gone"
    assert "410" in status["conditions"][0]["message"]
    assert (await hub.ask("dead", "replay", {"name": "orders"}))[1] == {"replayed": 1}
    assert sink.ids == ["1"]
    sink.answers = lambda _id: 200
    assert (await hub.ask("subscriptions", "resume", {"name": "orders"}))[1]["outcome"] == "configured"
    await until(lambda: sorted(sink.ids) == ["1", "1", "2", "3"])
    assert "pause" not in await hub.status()
    reasons = [orjson.loads(each.data)["reason"] for each in await contracts(hub, "hub.subscription.v1.paused", 1)]
    assert reasons == ["sink_gone"]


async def test_a_function_that_answers_410_speaks_of_the_event(hub: Hub, running: Run, bus: Bus) -> None:
    """Only an address can be gone."""
    await running(["dispatch"])
    async with asynccontextmanager(function_sink)(bus) as sink:
        sink.answers = lambda event_id: 410 if event_id == "1" else 200
        await hub.subscribe(sink, in_flight=1)
        await hub.post("1", "2")
        await until(lambda: sink.ids == ["1", "2"])
        await hub.dead()
        await hub.settled()
        assert (await hub.status())["ready"] is True


async def until_paused(hub: Hub) -> None:
    """Wait until the status says that nothing is delivered."""
    async with asyncio.timeout(15):
        while (await hub.status()).get("ready") is not False:
            await asyncio.sleep(0.01)


async def contracts(hub: Hub, kind: str, count: int) -> list[Msg]:
    """Wait for contract events and return them."""
    found = await hub.bus.nc.jetstream().pull_subscribe(kind, stream=subjects.HUB)
    return await found.fetch(count, timeout=15)


async def test_each_act_is_audited(hub: Hub, running: Run, sink: Sink) -> None:
    """Who, what, on which Subscription; what changed nothing is no act."""
    await running(["dispatch"])
    sink.answers = lambda _id: 400
    await hub.subscribe(sink)
    await hub.post("1", "2")
    await hub.dead(2)
    by = {"name": "orders", "by": "ada@host"}
    for plural, verb, more in (
        ("subscriptions", "pause", {}),
        ("subscriptions", "pause", {}),
        ("subscriptions", "resume", {}),
        ("subscriptions", "reset", {"to": "now"}),
        ("dead", "drop", {"sequence": 1}),
        ("dead", "replay", {}),
    ):
        status, answer = await hub.ask(plural, verb, by | more)
        assert status == "200", answer
    records = [orjson.loads(each.data) for each in await contracts(hub, subjects.AUDIT_RECORDS, 5)]
    assert {each["actor"] for each in records} == {"operator:ada@host"}
    assert {each["target"] for each in records} == {"subscriptions/default/orders"}
    assert [(each["action"], each["detail"]) for each in records] == [
        ("subscription.pause", ""),
        ("subscription.resume", ""),
        ("subscription.reset", "to now"),
        ("letter.drop", "1 dropped"),
        ("letter.replay", "1 replayed"),
    ]


async def test_what_fails_again_after_its_dead_letter_was_dropped_is_kept_again(
    hub: Hub, running: Run, sink: Sink
) -> None:
    """The de-duplication of dead letters never turns one into none."""
    await running(["dispatch"])
    sink.answers = lambda _id: 400
    await hub.subscribe(sink)
    await hub.post("e-1")
    await hub.dead()
    await hub.settled()
    assert (await hub.ask("dead", "drop", {"name": "orders", "all": True}))[0] == "200"
    assert (await hub.ask("subscriptions", "reset", {"name": "orders", "to": 1}))[0] == "200"
    await until(lambda: len(sink.received) == 2)
    await hub.settled()
    (letter,) = await hub.dead()
    assert (letter.headers or {})["ce-id"] == "e-1"
