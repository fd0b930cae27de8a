"""Bodies: compressed ones are inflated within bounds, broken ones refused, and the connection lives on."""

import asyncio
import gzip
import tracemalloc
import zlib

import httpx
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hub.kernel.broker import Bus
from hub.kernel.errors import BodyTooLarge, HubError, InvalidInput, UnsupportedContent
from hub.kernel.http.inflating import inflate
from tests.ingress.conftest import count_stored

BINARY = {"ce-specversion": "1.0", "ce-id": "7", "ce-source": "shop", "ce-type": "a.v1", "content-type": "text/plain"}
ZSTD = zstandard.ZstdCompressor().compress
LIMIT = 65536


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("zstd", ZSTD), ("identity", bytes)])
async def test_a_compressed_event_is_stored_inflated(
    http: httpx.AsyncClient, bus: Bus, encoding: str, compress: "type[bytes]"
) -> None:
    """Sinks get what the solution meant, not how it travelled."""
    body = b"x" * 60_000
    answer = await http.post("/publish", headers=BINARY | {"content-encoding": encoding}, content=compress(body))
    assert answer.status_code == 204
    assert (await bus.js.get_msg("EVENTS", 1)).data == body


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", gzip.compress(b"x" * 10_000_000), 413),
        ("zstd", ZSTD(b"x" * 10_000_000), 413),
        ("gzip", gzip.compress(b"x" * 100)[:-3], 400),
        ("zstd", ZSTD(b"x" * 100)[:-3], 400),
        ("gzip", b"no gzip", 400),
        ("zstd", b"no zstd", 400),
        ("gzip", gzip.compress(b"x") + b"more", 400),
        ("br", b"x", 415),
    ],
    ids=["gzip bomb", "zstd bomb", "gzip cut", "zstd cut", "no gzip", "no zstd", "more", "unknown"],
)
async def test_what_cannot_be_inflated_is_refused(
    http: httpx.AsyncClient, bus: Bus, encoding: str, body: bytes, status: int
) -> None:
    """Each with its status, nothing stored."""
    answer = await http.post("/publish", headers=BINARY | {"content-encoding": encoding}, content=body)
    assert answer.status_code == status
    assert await count_stored(bus) == 0


@given(st.binary(max_size=300), st.sampled_from(["gzip", "zstd", "", "br"]))
def test_any_bytes_are_inflated_or_refused(body: bytes, encoding: str) -> None:
    """Law: nothing but a refusal comes out, and never more than the limit."""
    try:
        assert len(inflate(body, encoding, 100)) <= 100
    except HubError as error:
        assert isinstance(error, BodyTooLarge | InvalidInput | UnsupportedContent)


@given(st.binary(max_size=200), st.integers(0, 250))
def test_what_was_compressed_comes_back_or_is_too_large(body: bytes, limit: int) -> None:
    """Law: the limit is exact, for both encodings."""
    for encoding, compressed in (("gzip", gzip.compress(body)), ("zstd", ZSTD(body)), ("gzip", _no_header(body))):
        if len(body) > limit:
            with pytest.raises(BodyTooLarge):
                inflate(compressed, encoding, limit)
        else:
            assert inflate(compressed, encoding, limit) == body


def _no_header(body: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=31)
    return deflater.compress(body) + deflater.flush()


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("zstd", ZSTD)])
def test_a_bomb_is_not_inflated_to_its_end(encoding: str, compress: "type[bytes]") -> None:
    """Memory is bounded by the limit, not by what the sender claims."""
    bomb = compress(bytes(50_000_000))
    tracemalloc.start()
    with pytest.raises(BodyTooLarge):
        inflate(bomb, encoding, 100_000)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


async def test_a_body_cut_off_midway_stores_nothing(http: httpx.AsyncClient, bus: Bus) -> None:
    """The client is gone; the hub goes on."""
    url = httpx.URL(str(http.base_url))
    head = "".join(f"{name}: {value}\r\n" for name, value in BINARY.items())
    for length in ("content-length: 100", "transfer-encoding: chunked"):
        _reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(f"POST /publish HTTP/1.1\r\nhost: x\r\n{head}{length}\r\n\r\n5\r\nhello".encode())
        await writer.drain()
        writer.close()
    answer = await http.post("/publish", headers=BINARY | {"ce-id": "8"}, content=b"x")
    assert answer.headers["hub-sequence"] == "1"
    assert await count_stored(bus) == 1
