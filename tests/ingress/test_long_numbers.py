"""Integers beyond 64 bits: an order number of twenty digits is data of somebody else and stays what it is."""

import httpx
import pytest

from contracts import subjects
from hub.kernel.broker import Bus

LONG = 12345678901234567890123
CLOUD = b'{"specversion": "1.0", "id": "7", "source": "shop", "type": "order.created.v1", "data": {"n": %d}}'
LEGACY = (
    b'{"event-type": "order.created", "event-type-version": "v1", "event-time": "2030-01-01T00:00:00Z",'
    b' "data": {"n": %d}}'
)
LEGACY_V2 = (
    b'{"type": "order.created", "eventtypeversion": "v1", "time": "2030-01-01T00:00:00Z", "specversion": "0.3",'
    b' "id": "31109198-4d69-4ae0-972d-76117f3748c8", "data": {"n": %d}}'
)
STRUCTURED = "application/cloudevents+json"


@pytest.mark.parametrize(
    ("path", "media", "body", "status"),
    [
        ("/shop/events", STRUCTURED, CLOUD, 204),
        ("/shop/events", "application/cloudevents-batch+json", b"[" + CLOUD + b"]", 204),
        ("/shop/v1/events", "application/json", LEGACY, 200),
        ("/shop/v2/events", "application/json", LEGACY_V2, 200),
    ],
)
async def test_a_long_number_stays_as_it_is(
    http: httpx.AsyncClient, bus: Bus, path: str, media: str, body: bytes, status: int
) -> None:
    """It arrives digit by digit, in whatever form the event was posted."""
    answer = await http.post(path, headers={"content-type": media}, content=body % LONG)
    assert status == answer.status_code, answer.text
    assert (await bus.js.get_msg(subjects.EVENTS, 1)).data == b'{"n":%d}' % LONG


async def test_a_number_too_long_to_be_read_is_refused(http: httpx.AsyncClient) -> None:
    """What cannot be read is said; it is not made into another number."""
    answer = await http.post("/shop/events", headers={"content-type": STRUCTURED}, content=CLOUD % 10**400)
    assert answer.status_code == 400
    assert "number is infinity" in answer.text
