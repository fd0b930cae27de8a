"""What passes between caller and target: headers, bodies of any length in both directions, events, WebSockets."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.certificates import Authority, server_context
from tests.gateway.conftest import Gateway, until
from tests.gateway.targets import Say, Targets, read_request
from tests.gateway.wire import exchange, head, read_reply

Start = Callable[..., Awaitable[Gateway]]
MEGABYTE = 1024 * 1024


async def test_headers_of_the_connection_stay_on_it(gateway: Gateway, targets: Targets) -> None:
    """Hop-by-hop headers, and those that `Connection` names, end here; the host is the target's."""
    target = await targets.serve()
    await gateway.api(target.url)

    await gateway.call(
        headers={
            "Connection": "keep-alive, X-Private", "X-Private": "1", "Keep-Alive": "5", "TE": "trailers",
            "Trailer": "X",
            "Proxy-Authorization": "Basic x", "Upgrade": "h2c", "Expect": "100-continue", "X-Public": "2",
        }
    )  # fmt: skip

    sent = {name.lower() for name, _ in target.seen[0].headers}
    assert {"host", "x-public", "x-forwarded-for"} == sent - {"traceparent"}
    assert f"127.0.0.1:{target.port}" == target.seen[0].header("host")


async def test_forwarded_headers_pass_and_the_callers_address_is_added(gateway: Gateway, targets: Targets) -> None:
    """As upstream since 2.1."""
    target = await targets.serve()
    await gateway.api(target.url)

    await gateway.call(headers={"X-Forwarded-For": "10.1.1.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "me"})

    seen = target.seen[0]
    names = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "user-agent")
    assert [["10.1.1.1, 127.0.0.1"], ["https"], ["me"], []] == [seen.all(name) for name in names]


async def test_answers_pass_with_every_header_and_byte(gateway: Gateway, targets: Targets) -> None:
    """Several cookies, bytes that are no ASCII, a compressed body, the target's own date; not the hop's headers."""
    body = os.urandom(5000)
    headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Name", "M\xfcller"), ("Content-Encoding", "gzip"),
               ("Date", "Thu, 01 Jan 2026 00:00:00 GMT"), ("Keep-Alive", "timeout=5"), ("Server", "own")]  # fmt: skip
    target = await targets.serve(lambda seen: Say(207, body, headers))
    await gateway.api(target.url)

    reply = await gateway.call()

    given = {name: [value for key, value in reply.headers if key.lower() == name] for name, _ in reply.headers}
    assert (207, body) == (reply.status, reply.body)
    assert (["a=1", "b=2"], ["M\xfcller"], ["gzip"]) == tuple(
        given[name] for name in ("set-cookie", "x-name", "content-encoding")
    )
    assert (["Thu, 01 Jan 2026 00:00:00 GMT"], ["own"], False) == (
        given["date"],
        given["server"],
        "keep-alive" in given,
    )


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body_end(gateway: Gateway, targets: Targets, status: int) -> None:
    """And the connection to the target is used again."""
    target = await targets.serve(lambda seen: Say(status, b""))
    await gateway.api(target.url)

    statuses = [(await gateway.call()).status for _ in range(3)]

    assert ([status] * 3, 1) == (statuses, target.connections)


async def test_head_has_a_length_and_no_body(gateway: Gateway, targets: Targets) -> None:
    """And the connection to the target is used again."""
    target = await targets.serve(lambda seen: Say(200, b"0123456789"))
    await gateway.api(target.url)

    replies = [await gateway.call("/app/service", "HEAD") for _ in range(2)]

    assert [(200, "10")] * 2 == [(reply.status, reply.header("content-length")) for reply in replies]
    assert 1 == target.connections


async def test_a_long_body_is_passed_on_while_it_comes(start: Start, targets: Targets) -> None:
    """The target has the beginning before the caller has sent the end; nothing of it is kept."""
    gateway = await start(replay_bytes=1000)
    arrived, total = asyncio.Event(), 0

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal total
        await reader.readuntil(b"\r\n\r\n")
        while total < 3 * MEGABYTE:
            total += len(await reader.read(65536))
            arrived.set()
        writer.write(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()

    target = await targets.raw(swallow)
    await gateway.api(target.url)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port())

    writer.write(head("POST", "/app/service", [("Content-Length", str(3 * MEGABYTE))], None) + b"x" * MEGABYTE)
    await asyncio.wait_for(arrived.wait(), 10)
    writer.write(b"x" * 2 * MEGABYTE)
    reply = await asyncio.wait_for(read_reply(reader), 10)
    writer.close()

    assert (403, b"no", 3 * MEGABYTE) == (reply.status, reply.body, total)


@pytest.mark.parametrize(("limit", "length"), [(20, None), (10_000, "121")])
async def test_a_body_of_unknown_length_arrives_whole(
    start: Start, targets: Targets, limit: int, length: str | None
) -> None:
    """In chunks where it is passed on as it comes, with its length where it was kept; trailers end here."""
    gateway = await start(replay_bytes=limit)
    target = await targets.serve()
    await gateway.api(target.url)
    first, *others = (b"%x\r\n%b\r\n" % (len(part), part) for part in (b"a" * 50, b"b" * 70, b"c"))
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port())

    writer.write(head("PUT", "/app/service", [("Transfer-Encoding", "chunked")], None) + first)
    if length is None:
        await until(lambda: target.connections == 1)
    writer.write(b"".join(others) + b"0\r\nX-Trailer: 1\r\n\r\n")
    reply = await asyncio.wait_for(read_reply(reader), 10)
    writer.close()

    seen = target.seen[0]
    assert (200, b"a" * 50 + b"b" * 70 + b"c") == (reply.status, seen.body)
    assert (length, None) == (seen.header("content-length"), seen.header("x-trailer"))


async def test_an_early_answer_ends_the_upload(start: Start, targets: Targets) -> None:
    """A target that refuses before the body has come is heard at once."""
    gateway = await start(replay_bytes=10)

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await writer.drain()
        await reader.read()

    target = await targets.raw(refuse)
    await gateway.api(target.url)

    raw = head("POST", "/app/service", [("Content-Length", "1000000")], None) + b"x" * 1000
    reply = await exchange(gateway.port(), raw)

    assert (413, b"big") == (reply.status, reply.body)


GIGABYTE = 1000 * MEGABYTE


async def test_a_long_answer_does_not_fill_the_memory(gateway: Gateway, targets: Targets) -> None:
    """Whoever reads slowly slows the target down: 1 GB passes within 50 MB of memory."""
    size, part = GIGABYTE, b"x" * MEGABYTE

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // MEGABYTE):
            writer.write(part)
            await writer.drain()

    target = await targets.raw(pour)
    await gateway.api(target.url)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port())
    writer.write(head("GET", "/app/service", [], None))
    await reader.readuntil(b"\r\n\r\n")
    before, most, received = memory_mb(), 0.0, 0
    async with asyncio.timeout(300):
        while received < size:
            received += len(await reader.read(MEGABYTE))
            most = max(most, memory_mb() - before)
    writer.close()

    assert (size, True) == (received, most < 50)


async def test_a_long_body_does_not_fill_the_memory(gateway: Gateway, targets: Targets) -> None:
    """Whatever the target does not take yet stays with the caller: 1 GB passes within 50 MB of memory."""
    sent, arrived, most, part = 0, 0, 0.0, b"x" * MEGABYTE

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived, most
        await reader.readuntil(b"\r\n\r\n")
        seen = -1
        while seen != sent:  # takes nothing until nothing more is sent
            seen = sent
            await asyncio.sleep(0.3)
        while arrived < GIGABYTE:
            arrived += len(await reader.read(MEGABYTE))
            most = max(most, memory_mb() - before)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    target = await targets.raw(swallow)
    await gateway.api(target.url)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port())
    writer.write(head("PUT", "/app/service", [("Content-Length", str(GIGABYTE))], None))
    before = memory_mb()
    async with asyncio.timeout(300):
        while sent < GIGABYTE:
            writer.write(part)
            await writer.drain()
            sent += MEGABYTE
        reply = await read_reply(reader)
    writer.close()

    assert (200, GIGABYTE, True) == (reply.status, arrived, most < 50)


def memory_mb() -> float:
    """Return the resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / MEGABYTE


async def test_events_pass_as_they_come_and_end_with_the_caller(start: Start, targets: Targets) -> None:
    """A stream of server-sent events reaches the caller one by one; when the caller leaves, the target is told."""
    gateway = await start(idle_seconds=600)
    more, left = asyncio.Event(), asyncio.Event()

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await more.wait()
        writer.write(b"data: 2\n\n")
        await reader.read()
        left.set()

    target = await targets.raw(stream)
    await gateway.api(target.url)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port())
    writer.write(head("GET", "/app/service", [], None))
    async with asyncio.timeout(10):
        await reader.readuntil(b"data: 1\n\n")
        more.set()
        await reader.readuntil(b"data: 2\n\n")
        writer.close()
        await left.wait()


HANDSHAKE = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Key", "a2V5"),
    ("Sec-WebSocket-Version", "13"),
]


@pytest.mark.parametrize("tls", [False, True])
async def test_a_websocket_passes_in_both_directions(gateway: Gateway, targets: Targets, tls: bool) -> None:
    """The handshake carries the credentials, then every byte passes until one side ends."""
    seen: list[Any] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello")
        while data := await reader.read(65536):
            writer.write(data.upper())
            await writer.drain()

    authority = Authority("solution")
    target = await targets.raw(talk, tls=server_context(authority.issue("server")) if tls else None)
    await gateway.secret("c", {"username": "user", "password": "passwd"})
    await gateway.secret("ca", {"ca.crt": authority.pem})
    credentials = {"type": "Basic", "secretName": "c"}
    await gateway.api(target.url + "/ws", credentials=credentials, annotations={"gateway.hub/ca-secret": "ca"})
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port())
    async with asyncio.timeout(10):
        writer.write(head("GET", "/app/service/chat?room=1", HANDSHAKE, None))
        answer = await reader.readuntil(b"hello")
        writer.write(b"abc" * 100_000)
        echoed = await reader.readexactly(300_000)
        writer.write_eof()
        rest = await reader.read()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 101 ") and b"ABC" * 100_000 == echoed and b"" == rest
    assert ("/ws/chat?room=1", "Basic dXNlcjpwYXNzd2Q=", "a2V5", "websocket") == (
        seen[0].target, seen[0].header("authorization"), seen[0].header("sec-websocket-key"), seen[0].header("upgrade"),
    )  # fmt: skip


@pytest.mark.parametrize(("said", "status"), [(404, 404), (503, 502)])
async def test_a_refused_websocket_is_no_way_to_the_target(
    gateway: Gateway, targets: Targets, said: int, status: int
) -> None:
    """After a refused handshake the connection ends: a second request on it would reach the target past every check."""
    target = await targets.serve(lambda seen: Say(said, b"no"))
    await gateway.api(target.url)
    raw = head("GET", "/app/service", HANDSHAKE, None) + b"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n"

    reply = await exchange(gateway.port(), raw)

    assert (status, status, 1) == (reply.status, reply.json["code"], len(target.seen))


async def test_a_websocket_to_nowhere_is_refused(gateway: Gateway) -> None:
    """With the status and body of any other call."""
    await gateway.api("http://127.0.0.1:1")

    found = await exchange(gateway.port(), head("GET", "/app/service", HANDSHAKE, None))
    unknown = await exchange(gateway.port(), head("GET", "/app/nothing", HANDSHAKE, None))

    assert [(502, 502), (404, 404)] == [(reply.status, reply.json["code"]) for reply in (found, unknown)]


async def test_websockets_are_bounded(start: Start, targets: Targets) -> None:
    """Beyond their number the answer is an error, and the target hears nothing."""
    gateway = await start(tunnels=0)
    target = await targets.serve()
    await gateway.api(target.url)

    reply = await exchange(gateway.port(), head("GET", "/app/service", HANDSHAKE, None))

    assert (502, "1", []) == (reply.status, reply.header("retry-after"), target.seen)


async def test_open_websockets_end_with_the_gateway(gateway: Gateway, targets: Targets) -> None:
    """Stopping waits for nobody who would never leave."""
    left = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        await reader.read()
        left.set()

    target = await targets.raw(talk)
    await gateway.api(target.url)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port())
    writer.write(head("GET", "/app/service", HANDSHAKE, None))
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)

    await asyncio.wait_for(gateway.process.rooms[0].stop(), 10)  # type: ignore[misc]  # the room has one

    await until(left.is_set)
    writer.close()
