"""Every form in which an event is posted, and every form in which a Subscription asks for it, through both workers."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from contracts import subjects
from contracts.envelope import decode_value
from tests.conftest import make_settings
from tests.dispatch.delivery.conftest import Hub, Run, Sink, until

VECTORS: list[dict[str, Any]] = orjson.loads((Path(__file__).parents[1] / "vectors" / "prefixed.json").read_bytes())
V1ALPHA1 = "eventing.kyma-project.io/v1alpha1"
CREATED = "sap.kyma.custom.shop.order.created.v1"


async def post(http: httpx.AsyncClient, event: dict[str, str], event_id: str) -> int:
    """Post an event; returns where it is stored."""
    if "legacy" in event:
        body = {"event-type": event["type"], "event-type-version": "v1", "event-time": "2020-01-01T00:00:00Z"}
        answer = await http.post(f"/{event['legacy']}/v1/events", json=body | {"data": {"n": 1}})
    else:
        body = {"specversion": "1.0", "id": event_id, "source": event["source"], "type": event["type"]}
        headers = {"content-type": "application/cloudevents+json"}
        answer = await http.post("/publish", content=orjson.dumps(body), headers=headers)
    assert answer.status_code in (200, 204), answer.text
    return int(answer.headers["hub-sequence"])


def old_document(address: str, event_type: str) -> dict[str, Any]:
    """Return a Subscription of the older version."""
    values = {"eventSource": {"property": "source", "type": "exact", "value": ""}}
    values["eventType"] = {"property": "type", "type": "exact", "value": event_type}
    spec = {"sink": address, "protocol": "", "filter": {"filters": [values]}}
    return {"apiVersion": V1ALPHA1, "kind": "Subscription", "metadata": {"name": "orders"}, "spec": spec}


async def subscribe(hub: Hub, sink: Sink, vector: dict[str, Any]) -> None:
    """Apply the Subscription of a vector."""
    if "old" in vector:
        document = old_document(sink.address, vector["old"])
        status, answer = await hub.ask("subscriptions", "apply", {"document": document})
        assert status == "200", answer
    elif "exact" in vector:
        await hub.subscribe(sink, typeMatching="exact", source="", types=vector["exact"])
    else:
        await hub.subscribe(sink, types=vector["standard"])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
async def test_each_form_finds_each_other(hub: Hub, running: Run, sink: Sink, vector: dict[str, Any]) -> None:
    """The sink gets the event by the type that was asked for, or not at all; and what the hub says of it agrees."""
    process = await running(["ingress", "dispatch"], ["internal"])
    await subscribe(hub, sink, vector)
    async with httpx.AsyncClient(base_url=process.addresses()["internal"]) as http:
        sequence = await post(http, vector["post"], "e-1")
    await hub.settled()
    if vector["told"] is not None:
        await until(lambda: bool(sink.received))
    told = [decode_value(one.headers["ce-type"]) for one in sink.received]
    assert ([] if vector["told"] is None else [vector["told"]]) == told
    verdict = (await hub.ask("events", "why", {"sequence": sequence, "name": "orders"}))[1]
    assert ("not_matched" if vector["told"] is None else "delivered") == verdict["state"]


async def test_the_prefix_is_the_configured_one(
    hub: Hub, running: Run, sink: Sink, tmp_path: Path, nats_url: str
) -> None:
    """One setting for those who post and for those who listen; the default prefix is an ordinary name then."""
    tree = make_settings(tmp_path, nats_url, ingress={"event_type_prefix": "acme"})
    process = await running(["ingress", "dispatch"], ["internal"], tree)
    await hub.subscribe(sink, typeMatching="exact", source="", types=["acme.shop.order.created.v1"])
    posted: list[dict[str, str]] = [
        {"legacy": "shop", "type": "order.created"},
        {"source": "shop", "type": CREATED},
        {"source": "any", "type": "acme.sh-op.order.created.v1"},
    ]
    async with httpx.AsyncClient(base_url=process.addresses()["internal"]) as http:
        for number, event in enumerate(posted):
            await post(http, event, f"e-{number}")
    await hub.settled()
    await until(lambda: len(sink.received) == 2)
    assert [one.headers["ce-type"] for one in sink.received] == ["acme.shop.order.created.v1"] * 2
    status, answer = await hub.apply(sink, types=["acme.shop.order.created.v1"])
    assert (status, answer["field"]) == ("400", "spec.types"), answer


async def test_why_names_the_owner_that_was_wanted(hub: Hub, running: Run, sink: Sink) -> None:
    """The type fits and the source does not: that is the step that said no."""
    await running(["dispatch"])
    await hub.subscribe(sink, typeMatching="exact", source="", types=[CREATED])
    await hub.bus.publish(subjects.event("desk", "order.created.v1"), b"{}", {"ce-id": "1", "ce-source": "desk"})
    verdict = (await hub.ask("events", "why", {"sequence": 1, "name": "orders"}))[1]
    assert (verdict["step"], verdict["matched"]) == ("source", False)
    assert "'desk'" in verdict["text"] and CREATED in verdict["text"]


async def test_a_dead_letter_keeps_the_type_as_stored_and_its_replay_is_told_the_other(
    hub: Hub, running: Run, sink: Sink
) -> None:
    """Untouched bytes and headers; the sink of the replay gets the prefixed type again."""
    await running(["dispatch"])
    sink.answers = lambda _id: 400
    await hub.subscribe(sink, typeMatching="exact", source="", types=[CREATED], filters=[{"prefix": {"type": "sap."}}])
    await hub.post("e-1")
    (letter,) = await hub.dead()
    assert (letter.headers or {})["ce-type"] == "order.created.v1"
    sink.answers = lambda _id: 200
    assert (await hub.ask("dead", "replay", {"name": "orders"}))[1] == {"replayed": 1}
    await until(lambda: len(sink.received) == 2)
    assert {one.headers["ce-type"] for one in sink.received} == {CREATED}


async def test_a_replay_by_the_prefixed_type_takes_the_owners_events_only(hub: Hub, running: Run, sink: Sink) -> None:
    """Of all that lie on the subject, those of the application in the type."""
    await running(["dispatch"])
    for source in ("shop", "desk"):
        headers = {"ce-id": source, "ce-source": source, "ce-type": "order.created.v1"}
        await hub.bus.publish(subjects.event(source, "order.created.v1"), b"{}", headers)
    await hub.subscribe(sink, typeMatching="exact", source="", types=[CREATED])
    asked = {"name": "orders", "from_sequence": 1, "type": CREATED, "all": True}
    answer = (await hub.ask("subscriptions", "replay", asked))[1]
    assert (answer["replayed"], answer["left"]) == (1, {"filtered": 1}), answer
    await until(lambda: sink.ids == ["shop"])
    assert sink.received[0].headers["ce-type"] == CREATED


async def test_batches_tell_the_prefixed_type_too(hub: Hub, running: Run, sink: Sink) -> None:
    """The type stands in the body there."""
    await running(["dispatch"])
    batch = {"batch": {"maxEvents": 2, "maxWait": "1s"}}
    await hub.subscribe(sink, typeMatching="exact", source="", types=[CREATED], delivery=batch)
    await hub.post("1", "2")
    await until(lambda: bool(sink.received))
    assert [event["type"] for event in orjson.loads(sink.received[0].body)] == [CREATED, CREATED]


async def test_the_status_shows_the_clean_type_of_an_older_subscription(hub: Hub, running: Run, sink: Sink) -> None:
    """Merged and of letters, digits and dots only, as upstream's conversion cleans it."""
    await running(["dispatch"])
    written = "sap.kyma.custom.no-app.too.many.dots.object.do.v1"
    await hub.ask("subscriptions", "apply", {"document": old_document(sink.address, written)})
    expected = [{"originalType": written, "cleanType": "sap.kyma.custom.noapp.toomanydotsobject.do.v1"}]
    await until_shown(hub, expected)


async def until_shown(hub: Hub, expected: list[dict[str, str]]) -> None:
    """Wait until the status shows these types."""
    async with asyncio.timeout(15):
        while (await hub.status()).get("types") != expected:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("matching", "name"), [("standard", "order.*.v1"), ("exact", "order..v1")])
async def test_a_type_without_a_subject_is_refused(
    hub: Hub, running: Run, sink: Sink, matching: str, name: str
) -> None:
    """Nothing could ever be posted under it; ingress says the same to who tries."""
    await running(["dispatch"])
    status, answer = await hub.apply(sink, typeMatching=matching, types=[name])
    assert (status, answer["field"]) == ("400", "spec.types")
