"""Batches: all or nothing, or one result per event for those who prefer it."""

from typing import Any

import httpx
import orjson
import pytest

from hub.kernel.broker import Bus
from tests.ingress.conftest import BATCH, EVENT, count_stored

RESULTS = BATCH | {"prefer": "respond-async, return=representation"}


def events(*ids: str, **more: Any) -> list[dict[str, Any]]:
    """Return events that differ in their ids."""
    return [EVENT | {"id": id_} | more for id_ in ids]


async def test_a_batch_is_stored_in_its_order(http: httpx.AsyncClient, bus: Bus) -> None:
    """One receipt for all: first and last sequence, and how many were repeats."""
    answer = await http.post("/shop/events", headers=BATCH, content=orjson.dumps(events("1", "2", "1")))
    assert answer.status_code == 204
    assert (answer.headers["hub-sequence"], answer.headers["hub-duplicate"]) == ("1..1", "1")
    stored = [(await bus.js.get_msg("EVENTS", sequence)).headers or {} for sequence in (1, 2)]
    assert [headers["ce-id"] for headers in stored] == ["1", "2"]
    assert {headers["ce-source"] for headers in stored} == {"shop"}


async def test_an_empty_batch_is_fine(http: httpx.AsyncClient, bus: Bus) -> None:
    """The format allows it; there is nothing to store."""
    assert (await http.post("/shop/events", headers=BATCH, content=b"[]")).status_code == 204
    assert await count_stored(bus) == 0


@pytest.mark.parametrize(
    "wrong", [{}, 7, None, EVENT | {"type": ""}, EVENT | {"id": None}, EVENT | {"data_base64": "eA=="}]
)
async def test_one_wrong_event_stores_none_and_is_named(http: httpx.AsyncClient, bus: Bus, wrong: Any) -> None:
    """The index stands in the answer."""
    answer = await http.post("/shop/events", headers=BATCH, content=orjson.dumps([*events("1", "2"), wrong]))
    assert answer.status_code == 400
    assert answer.text.startswith("event 2, ")
    assert await count_stored(bus) == 0


async def test_who_prefers_it_is_told_of_each_event(http: httpx.AsyncClient, bus: Bus) -> None:
    """The good ones are stored, each with its receipt; the others have a status and a reason."""
    batch = [*events("1"), {"specversion": "1.0"}, *events("2", "1")]
    answer = await http.post("/shop/events", headers=RESULTS, content=orjson.dumps(batch))
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "return=representation"
    first, wrong, second, repeat = answer.json()
    assert first == {"index": 0, "id": "1", "status": 204, "stream": "EVENTS", "sequence": 1, "duplicate": False}
    assert (wrong["index"], wrong["status"]) == (1, 400)
    assert "type: MUST be a non-empty string" in wrong["error"]
    assert (second["sequence"], repeat["sequence"], repeat["duplicate"]) == (2, 1, True)
    assert await count_stored(bus) == 2


async def test_a_full_store_is_told_for_each_event(http: httpx.AsyncClient, bus: Bus) -> None:
    """507 for those that did not fit, receipts for those that did."""
    config = (await bus.js.stream_info("EVENTS")).config
    await bus.js.update_stream(config, max_bytes=2048)
    answer = await http.post("/shop/events", headers=RESULTS, content=orjson.dumps(events(*map(str, range(30)))))
    statuses = [result["status"] for result in answer.json()]
    assert set(statuses) == {204, 507}
    assert statuses.count(204) == await count_stored(bus)


async def test_too_many_events_are_refused(http: httpx.AsyncClient, bus: Bus) -> None:
    """413, with the limit."""
    answer = await http.post("/shop/events", headers=BATCH, content=b"[" + b",".join([b"{}"] * 1001) + b"]")
    assert answer.status_code == 413
    assert "1000" in answer.text
    assert await count_stored(bus) == 0
