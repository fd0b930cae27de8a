"""Targets that speak HTTP/2: nobody on this side notices, whatever goes well or wrong there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.gateway import http2
from tests.gateway.certificates import Authority, server_context
from tests.gateway.conftest import Gateway, until
from tests.gateway.http2 import Http2Target
from tests.gateway.targets import Targets
from tests.gateway.wire import head

Start = Callable[..., Awaitable[Gateway]]
MEGABYTE = 1_000_000
BASIC = {"type": "Basic", "secretName": "c"}


@pytest.fixture
def authority() -> Authority:
    """Return who signs the certificates of targets."""
    return Authority("targets")


@pytest.fixture
async def target(authority: Authority) -> AsyncIterator[Http2Target]:
    """Return a running target."""
    made = await http2.serve(authority)
    yield made
    assert made.server is not None
    made.server.close()


async def registered(gateway: Gateway, url: str, authority: Authority) -> None:
    """Register a target with credentials, and trust its authority."""
    await gateway.secret("c", {"username": "user", "password": "passwd"})
    await gateway.secret("ca", {"ca.crt": authority.pem})
    await gateway.api(url, annotations={"gateway.hub/ca-secret": "ca"}, credentials=BASIC)


async def test_a_target_is_called_over_http2(gateway: Gateway, target: Http2Target, authority: Authority) -> None:
    """Credentials, path and headers arrive; what belongs to the hop does not; calls share a connection."""
    await registered(gateway, target.url, authority)
    headers = {"X-Own": "1", "Connection": "X-Hop", "X-Hop": "1", "TE": "trailers"}

    first = await gateway.call("/app/service/orders/7?q=%2F", "PUT", headers, b"x" * 1000)
    second = await gateway.call("/app/service", "GET")
    third = await gateway.call("/app/service", "HEAD")

    seen = first.json["headers"]
    assert [200] * 3 == [first.status, second.status, third.status]
    assert (1000, 1) == (first.json["length"], target.connections)
    assert ("PUT", "https", "/orders/7?q=%2F", "1") == (seen[":method"], seen[":scheme"], seen[":path"], seen["x-own"])
    assert target.url.removeprefix("https://") == seen[":authority"]
    assert "Basic dXNlcjpwYXNzd2Q=" == seen["authorization"]
    assert not {"host", "connection", "x-hop", "te", "transfer-encoding"} & seen.keys()
    assert ("h2", None) == (first.header("x-proto"), first.header("x-trailer"))


@pytest.mark.parametrize("kept", [10, 5 * MEGABYTE], ids=["streamed", "kept"])
@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_long_bodies_pass_whole(
    start: Start, target: Http2Target, authority: Authority, kept: int, framing: str
) -> None:
    """Longer than any window, in both directions, whether they are kept or passed on as they come."""
    gateway = await start(replay_bytes=kept)
    await registered(gateway, target.url, authority)
    body = b"x" * 3 * MEGABYTE
    chunks = b"".join(b"%x\r\n%b\r\n" % (MEGABYTE, b"x" * MEGABYTE) for _ in range(3)) + b"0\r\n\r\n"

    if framing == "length":
        up = await gateway.call("/app/service", "POST", {}, body)
    else:
        up = await gateway.call("/app/service", "POST", {"Transfer-Encoding": "chunked"}, chunks)
    down = await gateway.call(f"/app/service/big/{3 * MEGABYTE}")

    assert (3 * MEGABYTE, 3 * MEGABYTE, True) == (up.json["length"], len(down.body), down.is_whole)
    assert 1 == target.connections


async def test_a_slow_caller_slows_the_target_down(gateway: Gateway, target: Http2Target, authority: Authority) -> None:
    """What nobody takes is not sent: the window is given back when a part was passed on."""
    await registered(gateway, target.url, authority)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port(), limit=1024)

    writer.write(head("GET", f"/app/service/big/{60 * MEGABYTE}", [], None))
    await reader.readuntil(b"\r\n\r\n")
    sent = -1
    async with asyncio.timeout(20):
        while sent != target.sent:
            sent = target.sent
            await asyncio.sleep(0.3)
    writer.close()

    assert 0 < sent < 40 * MEGABYTE


@pytest.mark.parametrize(
    ("call", "status", "text"),
    [
        ("GET /reset", 502, "broke the call off"),
        ("GET /garbage", 502, "not HTTP"),
        ("POST /goaway", 502, "without an answer"),
        ("GET /goaway", 200, ""),
        ("GET /silent", 504, "in time"),
    ],
)
async def test_what_goes_wrong_at_the_target_is_told(
    start: Start, target: Http2Target, authority: Authority, call: str, status: int, text: str
) -> None:
    """As over HTTP/1.1; a call that the target has not heard is made again where that does no harm."""
    gateway = await start(timeout_seconds=2)
    await registered(gateway, target.url, authority)
    method, _, path = call.partition(" ")

    reply = await gateway.call(f"/app/service{path}", method, {}, b"x" if method == "POST" else None)

    assert (status, True) == (reply.status, text in reply.body.decode())


async def test_the_next_call_after_a_broken_one_is_served(
    gateway: Gateway, target: Http2Target, authority: Authority
) -> None:
    """On a connection of its own."""
    await registered(gateway, target.url, authority)

    await gateway.call("/app/service/reset")
    reply = await gateway.call("/app/service")

    assert 200 == reply.status


async def test_http2_can_be_switched_off(start: Start, targets: Targets, authority: Authority) -> None:
    """A target that prefers it is spoken to in HTTP/1.1 then."""
    context = server_context(authority.issue("server"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    plain = await targets.serve(tls=context)
    gateway = await start(http2=False)
    await registered(gateway, plain.url, authority)

    reply = await gateway.call("/app/service/x")

    assert (200, "/x") == (reply.status, reply.json["target"])
    await until(lambda: plain.connections == 1)


async def test_a_websocket_goes_over_http1(gateway: Gateway, targets: Targets, authority: Authority) -> None:
    """Also at a target that would choose HTTP/2: there is no such handshake there."""
    spoken: list[str | None] = []

    async def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        spoken.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        await writer.drain()
        await reader.read()

    context = server_context(authority.issue("server"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    target = await targets.raw(welcome, tls=context)
    await registered(gateway, target.url, authority)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port())

    writer.write(head("GET", "/app/service", [("Connection", "Upgrade"), ("Upgrade", "websocket")], None))
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    writer.close()

    assert (b"HTTP/1.1 101", ["http/1.1"]) == (answer[:12], spoken)
