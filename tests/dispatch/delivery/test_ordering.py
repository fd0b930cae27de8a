"""Order by key: events with the same key arrive one after the other, and only they wait for each other."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from contracts import subjects
from hub.drill.proxy import FaultProxy
from tests.conftest import make_settings
from tests.dispatch.delivery.conftest import Gate, Hub, Run, Sink, until

BY_KEY = {"ordering": {"key": "partitionkey"}}


@pytest.fixture
async def proxy(nats_url: str) -> AsyncIterator[FaultProxy]:
    """Return a way to nats-server that can be broken."""
    found = FaultProxy(lambda: urlsplit(nats_url).port or 0)
    await found.start()
    yield found
    found.stop()


async def test_events_of_a_key_keep_their_order_through_failures(hub: Hub, running: Run, any_sink: Sink) -> None:
    """Sixteen interleaved keys, four at once; every third reception fails; within a key nothing overtakes."""
    await running(["dispatch"])
    fails = {str(number) for number in range(0, 160, 3)}
    under_way, most = [0], [0]

    async def judge(event_id: str) -> int:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        await asyncio.sleep(0.005)
        under_way[0] -= 1
        return 503 if event_id in fails and any_sink.count()[event_id] == 1 else 200

    any_sink.answers = judge
    await hub.subscribe(any_sink, in_flight=4, delivery=BY_KEY)
    for number in range(160):
        await hub.post(str(number), partitionkey=f"k{number % 16}")
    await until(lambda: len(any_sink.received) == 160 + len(fails))
    await hub.settled()
    for key in range(16):
        came = [int(one.id) for one in any_sink.received if int(one.id) % 16 == key]
        assert came == sorted(came)
    assert 1 < most[0] <= 4


async def test_only_the_blocked_key_waits(hub: Hub, running: Run, any_sink: Sink) -> None:
    """While the head of one key fails, others go on; after its dead letter its key goes on too."""
    await running(["dispatch"])
    gate = Gate()
    any_sink.answers = lambda event_id: gate.answer(400) if event_id == "a-1" else 200
    await hub.subscribe(any_sink, in_flight=2, delivery=BY_KEY)
    await hub.post("a-1", "a-2", "a-3", partitionkey="a")
    await hub.post("b-1", "b-2", partitionkey="b")
    await hub.post("free-1", "free-2")
    await until(lambda: {"b-2", "free-1", "free-2"} <= set(any_sink.ids))
    assert not {"a-2", "a-3"} & set(any_sink.ids)
    gate.set()
    await hub.dead()
    await until(lambda: any_sink.ids[-2:] == ["a-2", "a-3"])


async def test_the_key_may_be_in_the_data(hub: Hub, running: Run, sink: Sink) -> None:
    """A JSON pointer orders by what the event says; data without it waits for nobody."""
    await running(["dispatch"])
    gate = Gate()
    sink.answers = lambda event_id: gate.answer() if event_id == "1" else 200
    await hub.subscribe(sink, delivery={"ordering": {"key": "/order/customer"}})
    for event_id, body in (("1", b'{"order":{"customer":7}}'), ("2", b'{"order":{"customer":7}}')):
        await hub.post(event_id, body=body)
    await hub.post("3", body=b'{"order":{"customer":8}}')
    await hub.post("4", body=b"no json")
    await until(lambda: {"3", "4"} <= set(sink.ids))
    assert "2" not in sink.ids
    gate.set()
    await until(lambda: "2" in sink.ids)


async def test_one_worker_at_a_time_delivers_and_hands_over_in_order(
    hub: Hub, running: Run, sink: Sink, quick: Any
) -> None:
    """The worker that stops gives everything back, and the other goes on behind it: nothing overtakes."""
    first = await running(["dispatch"], tree=quick)
    await running(["dispatch"], tree=quick)
    sink.answers = lambda event_id: 503 if event_id == "3" and sink.count()["3"] < 3 else 200
    await hub.subscribe(sink, delivery=BY_KEY | {"backoff": {"schedule": ["300ms"]}})
    await hub.post(*map(str, range(20)), partitionkey="k")
    await until(lambda: "3" in sink.ids)
    await first.stop()
    await until(lambda: "19" in sink.ids, seconds=20)
    firsts = list(dict.fromkeys(sink.ids))
    assert firsts == [str(number) for number in range(20)]
    assert set(sink.ids) - {"3"} == set(firsts) - {"3"} and len(sink.ids) - sink.count()["3"] == 19
    lease = await (await hub.bus.js.key_value(subjects.LEASES)).get(subjects.durable("default", "orders"))
    assert b'"holder":""' not in (lease.value or b"")


async def test_what_was_lost_with_a_connection_comes_before_what_is_newer(
    hub: Hub, proxy: FaultProxy, running: Run, sink: Sink, tmp_path: Path, nats_url: str
) -> None:
    """An event that was on its way when the connection broke comes again after a while; newer ones of its key wait."""
    through = nats_url.replace(str(urlsplit(nats_url).port), str(proxy.port))
    settings = make_settings(tmp_path, through, dispatch={"ack_wait_seconds": 0.5}, stop_seconds=2)
    await running(["dispatch"], tree=settings)
    await hub.subscribe(sink, delivery=BY_KEY)
    await hub.post("first", partitionkey="a")
    await until(lambda: sink.ids == ["first"])
    await hub.settled()
    proxy.stall()
    await hub.post("second", partitionkey="a")
    await in_hand(hub, 1)
    proxy.reset()
    proxy.mend()
    await hub.post("third", "fourth", partitionkey="a")
    await until(lambda: {"second", "third", "fourth"} <= set(sink.ids))
    assert ["first", "second", "third", "fourth"] == list(dict.fromkeys(sink.ids))


async def in_hand(hub: Hub, count: int) -> None:
    """Wait until nats-server has handed out so many events that are not acknowledged."""
    limit = time.monotonic() + 15
    durable = subjects.durable("default", "orders")
    while (await hub.bus.js.consumer_info(subjects.EVENTS, durable)).num_ack_pending != count:
        assert time.monotonic() < limit
        await asyncio.sleep(0.01)
