"""What ingress accepts and refuses, through its HTTP surface, into a real event store."""

from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest

from contracts import subjects
from contracts.catalog.v1 import EventTypeEntry, entry_key
from hub.kernel.broker import Bus
from hub.kernel.state import RAW, Bucket

EVENT = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "order.created.v1", "data": {"total": 5}}
BINARY = {
    "ce-specversion": "1.0",
    "ce-id": "7",
    "ce-source": "shop",
    "ce-type": "order.created.v1",
    "content-type": "application/json",
}
LEGACY = {
    "event-type": "order.created",
    "event-type-version": "v1",
    "event-time": "2020-01-01T00:00:00Z",
    "event-id": "31109198-4d69-4ae0-972d-76117f3748c8",
    "data": {"total": 5},
}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}


@pytest.fixture
async def http(bus: Bus, running: Callable[..., Any]) -> Any:
    """Return a client of the internal listener."""
    process = await running(["ingress"], ["internal"])
    async with httpx.AsyncClient(base_url=process.addresses()["internal"]) as client:
        yield client


async def stored(bus: Bus, sequence: str) -> Any:
    """Return what the stream holds at a sequence."""
    return await bus.js.get_msg(subjects.EVENTS, int(sequence))


async def test_a_binary_event_is_stored_untouched_with_a_receipt(http: httpx.AsyncClient, bus: Bus) -> None:
    """2xx means stored, and the headers say where."""
    body = b'{"total" : 5}'
    answer = await http.post("/publish", headers=BINARY, content=body)
    assert answer.status_code == 204
    assert answer.headers["hub-stream"] == "EVENTS"
    assert answer.headers["hub-duplicate"] == "false"
    assert answer.headers["hub-durability"] == "buffered, R1"
    message = await stored(bus, answer.headers["hub-sequence"])
    assert message.data == body
    assert message.subject == "events.shop.order.created.v1"
    assert message.headers["ce-datacontenttype"] == "application/json"


async def test_a_repeated_post_is_no_second_copy(http: httpx.AsyncClient) -> None:
    """The same source and id within the window is acknowledged as duplicate, with the first sequence."""
    first = await http.post("/publish", headers=BINARY, content=b"{}")
    second = await http.post("/publish", headers=BINARY, content=b"{}")
    assert second.headers["hub-duplicate"] == "true"
    assert second.headers["hub-sequence"] == first.headers["hub-sequence"]


async def test_a_structured_event_equals_its_binary_form(http: httpx.AsyncClient, bus: Bus) -> None:
    """Attributes become headers, data keeps its JSON."""
    answer = await http.post("/shop/events", headers=STRUCTURED, content=orjson.dumps(EVENT))
    message = await stored(bus, answer.headers["hub-sequence"])
    assert message.headers["ce-source"] == "shop"
    assert orjson.loads(message.data) == {"total": 5}


async def test_a_batch_with_one_wrong_event_stores_none(http: httpx.AsyncClient, bus: Bus) -> None:
    """All or nothing, and the index is named."""
    events = [EVENT | {"id": "1"}, {name: value for name, value in EVENT.items() if name != "type"}]
    headers = {"content-type": "application/cloudevents-batch+json"}
    answer = await http.post("/shop/events", headers=headers, content=orjson.dumps(events))
    assert answer.status_code == 400
    assert answer.text.startswith("event 1, type: MUST be a non-empty string")
    assert (await bus.js.stream_info(subjects.EVENTS)).state.messages == 0


async def test_a_legacy_event_is_answered_in_its_own_form(http: httpx.AsyncClient, bus: Bus) -> None:
    """200 with the event's id; type and version become one name."""
    answer = await http.post("/shop/v1/events", content=orjson.dumps(LEGACY))
    assert answer.status_code == 200
    assert answer.json() == {"event-id": LEGACY["event-id"], "status": "", "reason": ""}
    message = await stored(bus, answer.headers["hub-sequence"])
    assert message.subject == "events.shop.order.created.v1"


@pytest.mark.parametrize(
    ("change", "field", "kind"),
    [
        ({"event-type": ""}, "event-type", "missing_field"),
        ({"event-type-version": "!"}, "event-type-version", "invalid_field"),
        ({"event-time": "2012-11-01T22"}, "event-time", "invalid_field"),
        ({"event-id": "31109198"}, "event-id", "invalid_field"),
        ({"data": None}, "data", "missing_field"),
        ({"data": ""}, "data", "missing_field"),
    ],
    ids=["no type", "bad version", "bad time", "bad id", "null data", "empty data"],
)
async def test_a_wrong_legacy_event_names_the_field(
    http: httpx.AsyncClient, change: dict[str, Any], field: str, kind: str
) -> None:
    """The first failing check is answered in upstream's shape."""
    answer = await http.post("/shop/v1/events", content=orjson.dumps(LEGACY | change))
    assert answer.status_code == 400
    detail = answer.json()["details"][0]
    assert (detail["field"], detail["type"]) == (field, kind)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (STRUCTURED, b"{", 400),
        (STRUCTURED, b'{"specversion":"1.0","id":"1","source":"s"}', 400),
        (BINARY, b"{", 400),
        (BINARY | {"ce-source": "%C0%A0"}, b"{}", 400),
        (BINARY | {"ce-type": "a..b"}, b"{}", 400),
        ({"content-type": "text/plain"}, b"hello", 415),
        (BINARY, b'"' + b"x" * 70000 + b'"', 413),
    ],
    ids=["no JSON", "no type", "data no JSON", "no UTF-8", "empty segment", "no event", "too large"],
)
async def test_bad_input_is_refused_and_not_stored(
    http: httpx.AsyncClient, bus: Bus, headers: dict[str, str], body: bytes, status: int
) -> None:
    """Each wrong request gets its status and leaves nothing behind."""
    answer = await http.post("/publish", headers=headers, content=body)
    assert answer.status_code == status
    assert (await bus.js.stream_info(subjects.EVENTS)).state.messages == 0


async def test_a_wrong_method_names_the_right_one(http: httpx.AsyncClient) -> None:
    """405 with Allow."""
    answer = await http.put("/publish")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "OPTIONS, POST"


@pytest.mark.parametrize(("check", "status"), [("reject", 422), ("warn", 204), ("off", 204)])
async def test_data_that_breaks_its_schema_gets_what_the_type_says(
    http: httpx.AsyncClient, bus: Bus, check: Any, status: int
) -> None:
    """`reject` refuses with the JSON pointer, `warn` says so in the answer."""
    schema = {"type": "object", "properties": {"total": {"type": "number"}}}
    entry = EventTypeEntry(
        application="shop",
        service_id="s",
        type="order.created.v1",
        name="order.created",
        version="v1",
        data_schema=schema,
        payload_check=check,
    )
    await Bucket(bus.js, subjects.EVENT_TYPES, RAW).put(entry_key("shop", entry.type), entry.encode())
    for number in range(200):  # the view hears of the entry within moments
        answer = await http.post("/publish", headers=BINARY | {"ce-id": str(number)}, content=b'{"total":"x"}')
        if answer.status_code == 422 or "hub-contract" in answer.headers or check == "off":
            break
    assert answer.status_code == status
    assert ("/total" in answer.text) == (check == "reject")
    assert ("/total" in answer.headers.get("hub-contract", "")) == (check == "warn")


async def test_a_full_stream_refuses_and_keeps_what_is_there(http: httpx.AsyncClient, bus: Bus) -> None:
    """507 with Retry-After; nothing unread is discarded."""
    config = (await bus.js.stream_info(subjects.EVENTS)).config
    await bus.js.update_stream(config, max_bytes=1024)
    answers = [await http.post("/publish", headers=BINARY | {"ce-id": str(n)}, content=b"{}") for n in range(20)]
    refused = [answer for answer in answers if answer.status_code == 507]
    assert refused
    assert refused[0].headers["retry-after"] == "5"
    messages = (await bus.js.stream_info(subjects.EVENTS)).state.messages
    assert messages == len(answers) - len(refused)
