"""The delivery suite: what holds for every kind of sink.

Source: ThreeDotsLabs/watermill, pubsub/tests/test_pubsub.go.
"""

import asyncio
from collections import Counter
from typing import Any

from nats.js.errors import NotFoundError

from contracts import subjects
from contracts.delivery.attempt import AttemptRecord
from tests.dispatch.delivery.conftest import Gate, Hub, Run, Sink, until


async def test_all_events_arrive_as_they_were_posted(hub: Hub, running: Run, any_sink: Sink) -> None:
    """A hundred events with distinct attributes and data arrive once each, equal."""
    await running(["dispatch"])
    await hub.subscribe(any_sink)
    for number in range(100):
        await hub.post(f"e-{number}", body=b'{"n":%d}' % number, subject=f"s{number}", datacontenttype="text/x")
    await until(lambda: len(any_sink.received) == 100)
    await hub.settled()
    assert Counter(f"e-{number}" for number in range(100)) == any_sink.count()
    for one in any_sink.received:
        number = one.id.removeprefix("e-")
        assert (one.body, one.headers["ce-subject"]) == (b'{"n":%s}' % number.encode(), f"s{number}")
        assert one.headers["traceparent"]
        assert "text/x" in (one.headers.get("content-type"), one.headers.get("ce-datacontenttype"))


async def test_several_subscriptions_each_get_every_event(hub: Hub, running: Run, sink: Sink, any_sink: Sink) -> None:
    """Each Subscription has its own position."""
    await running(["dispatch"])
    await hub.subscribe(sink, "one")
    await hub.subscribe(any_sink, "two")
    await hub.post(*map(str, range(50)))
    await until(lambda: len(sink.received) == 50 == len(any_sink.received))
    assert sink.count() == any_sink.count()


async def test_only_the_wanted_types_arrive(hub: Hub, running: Run, any_sink: Sink) -> None:
    """Another type goes elsewhere, or nowhere."""
    await running(["dispatch"])
    await hub.subscribe(any_sink)
    await hub.post("other", kind="order.cancelled.v1")
    await hub.post("wanted")
    await until(lambda: bool(any_sink.received))
    assert any_sink.ids == ["wanted"]


async def test_what_the_filters_refuse_is_passed_over(hub: Hub, running: Run, any_sink: Sink) -> None:
    """It is acknowledged without an attempt, and never seen by the sink."""
    await running(["dispatch"])
    await hub.subscribe(any_sink, filters=[{"prefix": {"subject": "big-"}}])
    await hub.post("small", subject="small-1")
    await hub.post("big", subject="big-1")
    await until(lambda: bool(any_sink.received))
    await hub.settled()
    assert any_sink.ids == ["big"]


async def test_every_event_arrives_although_the_first_receptions_fail(hub: Hub, running: Run, any_sink: Sink) -> None:
    """A failure that may pass is followed by another attempt."""
    await running(["dispatch"])
    left = iter([503, 500])
    any_sink.answers = lambda _id: next(left, 200)
    await hub.subscribe(any_sink)
    await hub.post(*map(str, range(100)))
    await until(lambda: len(any_sink.count()) == 100 and len(any_sink.received) == 102)
    await hub.settled()


async def test_all_arrive_after_many_failures(hub: Hub, running: Run, any_sink: Sink) -> None:
    """Fifty events whose first four attempts fail arrive with the fifth."""
    await running(["dispatch"])
    any_sink.answers = lambda event_id: 200 if any_sink.count()[event_id] == 5 else 503
    await hub.subscribe(any_sink)
    await hub.post(*map(str, range(50)))
    await until(lambda: any_sink.count() == Counter({str(number): 5 for number in range(50)}))
    await hub.settled()


async def test_no_more_events_are_under_way_than_wanted(hub: Hub, running: Run, any_sink: Sink) -> None:
    """With one slot the second event waits for the first to be answered."""
    await running(["dispatch"])
    gate = Gate()
    any_sink.answers = lambda _id: gate.answer()
    await hub.subscribe(any_sink, in_flight=1)
    await hub.post("first", "second")
    await until(lambda: len(any_sink.received) == 1)
    await asyncio.sleep(0.1)  # the time in which the second must not come
    assert any_sink.ids == ["first"]
    gate.set()
    await until(lambda: len(any_sink.received) == 2)


async def test_a_final_answer_ends_at_once_in_a_dead_letter(hub: Hub, running: Run, any_sink: Sink) -> None:
    """A 400 is not tried again; the event is kept untouched, with status and reason."""
    await running(["dispatch"])
    any_sink.answers = lambda _id: 400
    await hub.subscribe(any_sink)
    await hub.post("e-1", body=b"\x00\xff")
    (letter,) = await hub.dead()
    headers = letter.headers or {}
    assert (letter.data, headers["ce-id"], headers["Hub-Status"]) == (b"\x00\xff", "e-1", "400")
    assert (headers["Hub-Kind"], headers["Hub-Attempts"]) == ("final-status", "1")
    assert "said" in headers["Hub-Response"]
    await hub.settled()
    assert any_sink.ids == ["e-1"]


async def test_answers_named_in_the_subscription_are_final_too(hub: Hub, running: Run, any_sink: Sink) -> None:
    """`finalStatusCodes` adds to what is never tried again."""
    await running(["dispatch"])
    any_sink.answers = lambda _id: 503
    await hub.subscribe(any_sink, delivery={"finalStatusCodes": [503]})
    await hub.post("e-1")
    (letter,) = await hub.dead()
    assert ("final-status", 1) == ((letter.headers or {})["Hub-Kind"], len(any_sink.received))


async def test_exhausted_attempts_end_in_one_dead_letter(hub: Hub, running: Run, any_sink: Sink) -> None:
    """Exactly as many attempts as allowed, each recorded with its number, time and what followed."""
    await running(["dispatch"])
    any_sink.answers = lambda _id: 500
    await hub.subscribe(any_sink, delivery={"maxAttempts": 3})
    await hub.post("e-1")
    (letter,) = await hub.dead()
    assert ((letter.headers or {})["Hub-Kind"], (letter.headers or {})["Hub-Attempts"]) == ("attempts-exhausted", "3")
    records = [AttemptRecord.model_validate(record) for record in await hub.attempts(3)]
    assert [(1, "retry"), (2, "retry"), (3, "dead_letter")] == [(one.attempt, one.outcome) for one in records]
    assert {("e-1", "shop", "orders", 500, 1)} == {
        (one.id, one.source, one.subscription, one.status, one.sequence) for one in records
    }
    assert [True, True, False] == [bool(one.next_at) for one in records]
    await hub.settled()
    assert len(any_sink.received) == 3


async def test_an_attempt_ends_at_its_time_limit(hub: Hub, running: Run, any_sink: Sink) -> None:
    """A sink that does not answer in time is tried again, and the record says so."""
    await running(["dispatch"])

    async def never() -> int:
        await asyncio.sleep(30)
        return 200

    any_sink.answers = lambda _id: never() if len(any_sink.received) == 1 else 200
    await hub.subscribe(any_sink, delivery={"timeout": "100ms"})
    await hub.post("e-1")
    await until(lambda: len(any_sink.received) == 2)
    await hub.settled()
    (record,) = await hub.attempts(1)
    assert (record["status"], record["outcome"]) == (None, "retry")
    assert "0.1 s" in record["error"]


async def test_an_attempt_that_takes_long_is_not_made_twice(hub: Hub, running: Run, any_sink: Sink, quick: Any) -> None:
    """While it is under way nats-server is told so, and hands the event to nobody else."""
    await running(["dispatch"], tree=quick)

    async def late() -> int:
        await asyncio.sleep(1.2)
        return 200

    any_sink.answers = lambda _id: late()
    await hub.subscribe(any_sink)
    await hub.post("e-1")
    await until(lambda: bool(any_sink.received))
    await hub.settled()
    info = await hub.bus.js.consumer_info(subjects.EVENTS, subjects.durable("default", "orders"))
    assert (["e-1"], 1) == (any_sink.ids, info.delivered.consumer_seq)


async def test_an_event_past_its_age_is_given_up(hub: Hub, running: Run, any_sink: Sink) -> None:
    """No attempt is scheduled past `maxAge`."""
    await running(["dispatch"])
    any_sink.answers = lambda _id: 500
    await hub.subscribe(any_sink, delivery={"maxAge": "1s", "backoff": {"schedule": ["1ms", "1m"]}})
    await hub.post("e-1")
    (letter,) = await hub.dead()
    assert ("too-old", 2) == ((letter.headers or {})["Hub-Kind"], len(any_sink.received))


async def test_events_of_before_are_not_delivered(hub: Hub, running: Run, any_sink: Sink) -> None:
    """A Subscription begins with the event after it, even within the same second."""
    await running(["dispatch"])
    await hub.post("before")
    await hub.subscribe(any_sink)
    await hub.post("after")
    await until(lambda: bool(any_sink.received))
    await hub.settled()
    assert any_sink.ids == ["after"]


async def test_a_new_sink_takes_over_at_the_position_of_the_old(
    hub: Hub, running: Run, sink: Sink, any_sink: Sink
) -> None:
    """Changing only the sink loses and repeats nothing."""
    await running(["dispatch"])
    await hub.subscribe(sink)
    await hub.post("1", "2")
    await until(lambda: len(sink.received) == 2)
    await hub.settled()
    await hub.subscribe(any_sink)
    await hub.post("3")
    await until(lambda: bool(any_sink.received))
    assert ({"1": 1, "2": 1}, ["3"]) == (sink.count(), any_sink.ids)


async def test_a_removed_subscription_leaves_no_consumer(hub: Hub, running: Run, any_sink: Sink) -> None:
    """Nothing is delivered any more, and nats-server keeps nothing for it."""
    await running(["dispatch"])
    await hub.subscribe(any_sink)
    assert (await hub.ask("subscriptions", "delete", {"name": "orders"}))[0] == "200"
    try:
        await hub.bus.js.consumer_info(subjects.EVENTS, subjects.durable("default", "orders"))
    except NotFoundError:
        return
    raise AssertionError("the consumer is still there")


async def test_one_bad_sink_holds_up_no_other(
    hub: Hub, running: Run, any_sink: Sink, sink: Sink, quick: Any
) -> None:
    """While one sink never answers, the other gets all of its events."""
    await running(["dispatch"], tree=quick)

    async def never() -> int:
        await asyncio.sleep(30)
        return 200

    sink.answers = lambda _id: never()
    await hub.subscribe(sink, "bad", in_flight=2)
    await hub.subscribe(any_sink, "good")
    await hub.post(*map(str, range(100)))
    await until(lambda: len(any_sink.received) == 100)
    assert len(sink.received) == 2
