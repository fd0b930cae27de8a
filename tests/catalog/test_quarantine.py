"""Events kept aside: stored at once, seen by people, delivered only after they were let through."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest

from contracts import subjects
from hub.kernel.broker import Bus
from tests.catalog.conftest import Stage

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}}
WRONG, RIGHT = b'{"total" : "x"}', b'{"total":1}'


class Desk:
    """Posts events of the Application `shop`, and asks about those kept aside."""

    def __init__(self, bus: Bus, http: httpx.AsyncClient) -> None:
        self.bus, self.http = bus, http

    async def knows(self, *types: str) -> None:
        """Wait until ingress has heard from the catalog what it expects of the types."""
        async with asyncio.timeout(5):
            probe = 0
            for event_type in types:
                while "hub-quarantined" not in (await self.post(f"probe-{probe}", WRONG, event_type)).headers:
                    probe += 1
        await self.bus.js.purge_stream(subjects.QUARANTINE)
        await self.bus.js.purge_stream(subjects.EVENTS)

    async def post(self, event_id: str, data: bytes, event_type: str = "order.created.v1") -> httpx.Response:
        headers = {"ce-specversion": "1.0", "ce-id": event_id, "ce-source": "shop", "ce-type": event_type,
                   "content-type": "application/json"}  # fmt: skip
        return await self.http.post("/publish", headers=headers, content=data)

    async def ask(self, verb: str, **request: Any) -> Any:
        reply = await self.bus.nc.request(subjects.ask("quarantine", verb), orjson.dumps(request), timeout=5)
        return orjson.loads(reply.data) | {"status": (reply.headers or {})["Hub-Status"]}

    async def held(self, stream: str) -> int:
        return (await self.bus.js.stream_info(stream)).state.messages


@pytest.fixture
async def desk(bus: Bus, stage: Stage, running: Callable[..., Any]) -> Any:
    topics = {name: {"subscribe": {"payload": SCHEMA}} for name in ("order.created.v1", "order.paid.v1")}
    await stage.store("shop", "1", {"asyncapi": "1.0.0", "x-payload-check": "quarantine", "topics": topics})
    await stage.register("shop", "1")
    process = await running(["ingress", "catalog"], ["internal"])
    async with httpx.AsyncClient(base_url=process.addresses()["internal"]) as client:
        desk = Desk(bus, client)
        await desk.knows("order.created.v1", "order.paid.v1")
        yield desk


async def test_data_that_breaks_its_schema_is_stored_aside_and_the_poster_told(desk: Desk) -> None:
    """2xx means stored; the receipt says where, and that nobody gets the event yet."""
    answer = await desk.post("1", WRONG)
    assert answer.status_code == 204
    told = {name: answer.headers[name] for name in ("hub-quarantined", "hub-stream", "hub-duplicate")}
    assert told == {"hub-quarantined": "1", "hub-stream": "QUARANTINE", "hub-duplicate": "false"}
    assert answer.headers["hub-contract"].startswith("violated at /total")
    assert (await desk.held(subjects.EVENTS), await desk.held(subjects.QUARANTINE)) == (0, 1)


async def test_data_that_fits_is_not_kept_aside(desk: Desk) -> None:
    """Others of the same type go their way."""
    answer = await desk.post("1", RIGHT)
    assert (answer.headers["hub-stream"], "hub-quarantined" in answer.headers) == ("EVENTS", False)


async def test_a_repeated_post_is_kept_aside_once(desk: Desk) -> None:
    """De-duplication holds there too."""
    first, second = await desk.post("1", WRONG), await desk.post("1", WRONG)
    assert second.headers["hub-duplicate"] == "true"
    assert second.headers["hub-sequence"] == first.headers["hub-sequence"]


async def test_an_event_kept_aside_is_listed_and_shown(desk: Desk) -> None:
    """A person sees what is wrong and with which data; the list itself shows no data."""
    sequence = int((await desk.post("1", WRONG)).headers["hub-sequence"])
    (listed,) = (await desk.ask("list"))["items"]
    assert (listed["sequence"], listed["application"], listed["type"], listed["id"]) == (
        sequence, "shop", "order.created.v1", "1"
    )
    assert listed["violation"].startswith("/total ")
    assert "data" not in listed
    shown = await desk.ask("show", sequences=[sequence])
    assert (shown["data"], shown["attributes"]["id"]) == ({"total": "x"}, "1")


async def test_an_event_let_through_is_as_it_was_posted(desk: Desk) -> None:
    """Bytes and attributes are untouched; from then on it is an event like any other."""
    await desk.post("1", WRONG)
    assert (await desk.ask("release", all=True))["released"] == 1
    (message,) = [await desk.bus.js.get_msg(subjects.EVENTS, subject="events.shop.order.created.v1")]
    assert (message.data, message.headers["ce-id"], message.headers["ce-datacontenttype"]) == (
        WRONG, "1", "application/json"
    )
    assert "Hub-Violation" not in message.headers
    assert await desk.held(subjects.QUARANTINE) == 0


async def test_a_release_cut_short_stores_nothing_twice(desk: Desk) -> None:
    """What was let through but not yet taken away is recognised by its message id."""
    await desk.post("1", WRONG)
    kept = await desk.bus.js.get_msg(subjects.QUARANTINE, subject="quarantine.shop.order.created.v1")
    await desk.bus.publish(subjects.released(kept.subject), kept.data, dict(kept.headers))
    assert await desk.ask("release", all=True) == {"released": 1, "duplicates": 1, "more": False, "status": "200"}
    assert (await desk.held(subjects.EVENTS), await desk.held(subjects.QUARANTINE)) == (1, 0)


async def test_only_what_was_chosen_is_released_or_dropped(desk: Desk) -> None:
    """By sequence, by event type, by Application; the rest stays."""
    first = int((await desk.post("1", WRONG)).headers["hub-sequence"])
    await desk.post("2", WRONG)
    await desk.post("3", WRONG, "order.paid.v1")
    assert (await desk.ask("drop", sequences=[first]))["dropped"] == 1
    assert (await desk.ask("release", all=True, application="desk"))["released"] == 0
    assert (await desk.ask("release", all=True, application="shop", type="order.paid.v1"))["released"] == 1
    assert ["2"] == [item["id"] for item in (await desk.ask("list"))["items"]]
    assert ["2"] == [item["id"] for item in (await desk.ask("list", type="order.created.v1"))["items"]]


@pytest.mark.parametrize(
    ("verb", "request_", "status", "field"),
    [
        ("release", {}, "400", "sequences"),
        ("drop", {"all": "yes"}, "400", "sequences"),
        ("release", {"sequences": ["1"]}, "400", "sequences"),
        ("release", {"sequences": [-1]}, "400", "sequences"),
        ("release", {"sequences": [True]}, "400", "sequences"),
        ("list", {"application": 5}, "400", "application"),
        ("list", {"after": "x"}, "400", "after"),
        ("show", {"sequences": [99]}, "404", None),
    ],
)
async def test_an_unclear_request_is_refused(
    desk: Desk, verb: str, request_: dict[str, Any], status: str, field: str | None
) -> None:
    """Nothing is let through or dropped by accident."""
    await desk.post("1", WRONG)
    answer = await desk.ask(verb, **request_)
    assert (answer["status"], answer.get("field")) == (status, field)
    assert await desk.held(subjects.QUARANTINE) == 1


async def test_a_batch_tells_how_many_were_kept_aside(desk: Desk) -> None:
    """Each event of a batch goes where it belongs."""
    event = {"specversion": "1.0", "source": "shop", "type": "order.created.v1"}
    events = [event | {"id": str(number), "data": {"total": total}} for number, total in enumerate(["x", 1, 2, "y"])]
    headers = {"content-type": "application/cloudevents-batch+json"}
    answer = await desk.http.post("/publish", headers=headers, content=orjson.dumps(events))
    assert (answer.status_code, answer.headers["hub-quarantined"]) == (204, "2")
    assert (await desk.held(subjects.EVENTS), await desk.held(subjects.QUARANTINE)) == (2, 2)
    state = (await desk.bus.js.stream_info(subjects.EVENTS)).state
    place = (answer.headers["hub-stream"], answer.headers["hub-sequence"])
    assert place == ("EVENTS", f"{state.first_seq}..{state.last_seq}")


async def test_a_full_quarantine_refuses_instead_of_forgetting(desk: Desk) -> None:
    """What was answered as stored is not pushed out by what comes later."""
    config = (await desk.bus.js.stream_info(subjects.QUARANTINE)).config
    await desk.bus.js.update_stream(config, max_bytes=2048)
    answers = [await desk.post(str(number), WRONG) for number in range(20)]
    assert {answer.status_code for answer in answers} == {204, 507}
    assert await desk.held(subjects.QUARANTINE) == sum(answer.status_code == 204 for answer in answers)


async def test_who_let_events_through_or_dropped_them_is_audited(desk: Desk) -> None:
    """One record for each request that did something, with how many and which."""
    for number in range(3):
        await desk.post(str(number), WRONG)
    first = (await desk.ask("list"))["items"][0]["sequence"]
    by = {"by": "ada@host"}
    assert (await desk.ask("release", sequences=[first], **by))["released"] == 1
    assert (await desk.ask("drop", all=True, application="shop", **by))["dropped"] == 2
    assert (await desk.ask("drop", all=True, **by))["dropped"] == 0
    found = await desk.bus.nc.jetstream().pull_subscribe(subjects.AUDIT_RECORDS, stream=subjects.HUB)
    records = [orjson.loads(each.data) for each in await found.fetch(2, timeout=10)]
    assert [(each["actor"], each["action"], each["target"], each["detail"]) for each in records] == [
        ("operator:ada@host", "quarantine.release", "applications", f"1 events; sequences [{first}]"),
        ("operator:ada@host", "quarantine.drop", "applications/shop", "2 events; application shop"),
    ]
