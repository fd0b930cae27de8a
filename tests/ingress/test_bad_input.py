"""Input that is too much of something: answered, nothing stored, and whoever posts beside it notices nothing."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from contracts import subjects
from contracts.catalog.v1 import EventTypeEntry, entry_key
from hub.ingress.bounds import SUBJECT_BYTES
from hub.kernel.broker import Bus
from tests.ingress.conftest import BATCH, EVENT, STRUCTURED, count_stored

VECTORS: list[dict[str, Any]] = orjson.loads((Path(__file__).parent / "vectors" / "bad_input.json").read_bytes())
BINARY = {"ce-specversion": "1.0", "ce-source": "shop", "ce-type": "a.v1", "content-type": "application/json"}


def body_of(vector: dict[str, Any]) -> bytes:
    """Return the body that a vector describes: what repeats is written once, with its number."""
    if "raw" in vector:
        before, depth, after = vector["raw"]
        return f"{before}{'[' * depth}{']' * depth}{after}".encode()
    long = {name: start + count * "".join(repeated or ["x"]) for name, (start, count, *repeated) in
            vector.get("event", {}).items()}
    many = {f"e{number}": "v" for number in range(vector.get("attributes", 0))}
    event = EVENT | long | many
    return orjson.dumps([EVENT | {"id": "good"}, event] if vector.get("batch") else event)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
async def test_too_much_is_refused_by_name(http: httpx.AsyncClient, bus: Bus, vector: dict[str, Any]) -> None:
    """400, what is wrong by its name, nothing of the request stored; the connection with the event store lives on."""
    headers = {"content-type": vector["type"]} if "type" in vector else BATCH if vector.get("batch") else STRUCTURED
    answer = await http.post(vector.get("path", "/publish"), headers=headers, content=body_of(vector))
    assert answer.status_code == vector["status"], answer.text[:300]
    assert vector.get("says", "") in answer.text
    assert await count_stored(bus) == (vector["status"] < 300)


async def test_events_under_way_beside_a_long_type_are_stored(http: httpx.AsyncClient, bus: Bus) -> None:
    """A subject above the server's limit would end the connection that all events share."""
    async def post(number: int) -> int:
        kind = f"a.{'t' * 4200}" if number % 5 == 0 else "a.v1"
        answer = await http.post("/publish", headers=BINARY | {"ce-id": str(number), "ce-type": kind}, content=b"{}")
        return answer.status_code

    statuses = await asyncio.gather(*(post(number) for number in range(50)))
    assert statuses == [400 if number % 5 == 0 else 204 for number in range(50)]
    assert await count_stored(bus) == 40


async def test_the_longest_subject_is_stored_and_kept_aside(http: httpx.AsyncClient, bus: Bus) -> None:
    """The limit itself fits, wherever the subject is used: beside a longer prefix too."""
    kind = "a." + "t" * (SUBJECT_BYTES - len("events.shop.a."))
    answer = await http.post("/publish", headers=BINARY | {"ce-id": "1", "ce-type": kind}, content=b"{}")
    assert answer.status_code == 204, answer.text
    aside = subjects.quarantine_of(subjects.event("shop", kind))
    assert (await bus.publish(aside, b"", {})).stream == subjects.QUARANTINE
    longer = await http.post("/publish", headers=BINARY | {"ce-id": "2", "ce-type": f"{kind}t"}, content=b"{}")
    assert longer.status_code == 400


@pytest.mark.parametrize(
    ("more", "name"),
    [
        (b"ce-id: 1\r\nce-id: 2\r\n", b"ce-id"),
        (b"ce-id: 1\r\nce-x: 1\r\nCE-X: 1\r\n", b"ce-x"),
        (b"ce-id: 1\r\ncontent-type: text/plain\r\n", b"content-type"),
        (b"ce-id: 1\r\n" + b"".join(b"ce-x%d: v\r\n" % number for number in range(10_000)), b"ce-"),
    ],
)
async def test_headers_that_come_twice_or_too_many_are_refused(
    http: httpx.AsyncClient, bus: Bus, more: bytes, name: bytes
) -> None:
    """No guess which of two was meant."""
    head = b"".join(f"{key}: {value}\r\n".encode() for key, value in BINARY.items()) + more
    answer = await spoken(http, head + b"connection: close\r\ncontent-length: 2\r\n\r\n{}")
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:300]
    assert name in answer
    assert await count_stored(bus) == 0


async def spoken(http: httpx.AsyncClient, rest: bytes) -> bytes:
    """Send a request byte by byte as it is; returns what comes until the end."""
    url = httpx.URL(str(http.base_url))
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        writer.write(b"POST /publish HTTP/1.1\r\nhost: x\r\n" + rest)
        async with asyncio.timeout(15):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("piece", [b"ce-x: " + b"v" * 60_000 + b"\r\n", b"v" * 60_000], ids=["headers", "one header"])
async def test_a_head_without_end_is_refused(http: httpx.AsyncClient, piece: bytes) -> None:
    """Memory is bounded by the hub, not by what the client goes on sending."""
    url = httpx.URL(str(http.base_url))
    _reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(b"POST /publish HTTP/1.1\r\nhost: x\r\nce-first: ")
    async with asyncio.timeout(15):
        try:
            for _ in range(1000):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        except ConnectionError:
            pass
        else:
            pytest.fail("60 MB of headers were taken")
    writer.close()
    assert (await http.post("/publish", headers=BINARY | {"ce-id": "1"}, content=b"{}")).status_code == 204


async def test_data_too_deep_for_its_schema_is_refused(http: httpx.AsyncClient, bus: Bus) -> None:
    """In binary mode it is judged as it comes; what cannot be judged is not accepted unjudged."""
    entry = EventTypeEntry(
        application="shop", type="a.v1", name="a", version="v1", service_id="1", payload_check="warn",
        data_schema={"type": "object"},
    )  # fmt: skip
    types = await bus.js.key_value(subjects.EVENT_TYPES)
    await types.put(entry_key("shop", "a.v1"), entry.encode())
    async with asyncio.timeout(15):
        while True:
            answer = await http.post("/publish", headers=BINARY | {"ce-id": "1"}, content=b"[" * 900 + b"]" * 900)
            if answer.status_code == 400:
                break
            await asyncio.sleep(0.01)
    assert "nested too deeply" in answer.text
