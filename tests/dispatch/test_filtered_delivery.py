"""Filters over a real event store: what is wanted reaches the sink, the rest is passed over, mistakes are refused."""

import asyncio
from typing import Any

import orjson

from contracts import subjects
from hub.kernel.broker import Bus
from hub.kernel.state import JSON, Bucket
from tests.dispatch.letters import Sink, sink

__all__ = ["sink"]

TYPE = "order.created.v1"


async def apply(bus: Bus, sink: str, filters: list[Any]) -> tuple[str, dict[str, Any]]:
    """Apply a Subscription with filters; returns the status and the answer."""
    spec = {"sink": sink, "source": "shop", "types": [TYPE], "filters": filters}
    document = {
        "apiVersion": "eventing.kyma-project.io/v1alpha2",
        "kind": "Subscription",
        "metadata": {"name": "big-orders"},
        "spec": spec,
    }
    request = orjson.dumps({"document": document})
    reply = await bus.nc.request(subjects.ask("subscriptions", "apply"), request, timeout=5)
    return (reply.headers or {})["Hub-Status"], orjson.loads(reply.data)


async def settled(bus: Bus, count: int) -> None:
    """Wait until so many events were handed out and each was settled."""
    async with asyncio.timeout(8):
        while True:
            found = await bus.js.consumer_info(subjects.EVENTS, subjects.durable("default", "big-orders"))
            delivered = found.delivered.consumer_seq if found.delivered else 0
            if (delivered, found.num_pending, found.num_ack_pending) == (count, 0, 0):
                return
            await asyncio.sleep(0.01)


async def test_only_what_the_filters_want_reaches_the_sink(bus: Bus, running: Any, sink: Sink) -> None:
    """Attributes are judged by CloudEvents SQL, data by JSON pointer; what fails either is settled undelivered."""
    await running(["dispatch"])
    filters = [{"sql": "INT(priority) > 3"}, {"data": {"/order/total": {"gt": 100}}}]
    status, answer = await apply(bus, sink.url, filters)
    assert status == "200", answer
    for number, (priority, total) in enumerate([("5", 99), ("1", 120), ("high", 120), ("5", 120)]):
        attributes = {"specversion": "1.0", "id": f"e-{number}", "source": "shop", "type": TYPE, "priority": priority}
        headers = {f"ce-{name}": value for name, value in attributes.items()}
        await bus.publish(subjects.event("shop", TYPE), orjson.dumps({"order": {"total": total}}), headers)
    await settled(bus, 4)
    assert sink.got == ["e-3"]


async def test_a_wrong_expression_is_refused_when_applied(bus: Bus, running: Any, sink: Sink) -> None:
    """The refusal carries path and position; nothing is stored."""
    await running(["dispatch"])
    status, answer = await apply(bus, sink.url, [{"sql": "type LIKE order"}])
    assert (status, answer["field"], answer["position"]) == ("400", "spec.filters[0].sql", 11)
    assert await Bucket(bus.js, subjects.SUBSCRIPTIONS, JSON).keys() == []
