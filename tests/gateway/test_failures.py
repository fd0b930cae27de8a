"""Targets and callers that misbehave: each bounded, answered with its status, told without the secret."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.gateway.conftest import Gateway, until
from tests.gateway.targets import Raw, Say, Seen, Targets, read_request
from tests.gateway.wire import exchange, head

Start = Callable[..., Awaitable[Gateway]]


def saying(*parts: bytes) -> Raw:
    """Return a target that answers any request with these bytes and closes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()

    return talk


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (b"", "without an answer"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 70_000, "longer than 65536"),
        (b"HTTP/1.1 200 OK\r\nX-Cut: a", "without an answer"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "not HTTP"),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else "",
)
async def test_an_answer_that_is_none_is_502(gateway: Gateway, targets: Targets, said: bytes, text: str) -> None:
    """Malformed, oversized or missing: the caller reads which."""
    target = await targets.raw(saying(said))
    await gateway.api(target.url)

    reply = await gateway.call("/app/service", "POST", body=b"x")

    assert (502, 502, True) == (reply.status, reply.json["code"], text in reply.json["error"]), reply.json
    assert "upstream-unavailable" == reply.header("hub-gateway-error")


async def test_provisional_answers_are_passed_over(gateway: Gateway, targets: Targets) -> None:
    """123 and 100 are followed by the answer that counts, as upstream's case 123 expects."""
    said = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 123 Odd\r\nX-A: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    )
    target = await targets.raw(saying(said))
    await gateway.api(target.url)

    reply = await gateway.call()

    assert (200, b"ok", None) == (reply.status, reply.body, reply.header("x-a"))


async def test_trailers_of_an_answer_are_passed_over(gateway: Gateway, targets: Targets) -> None:
    """They come after the headers and never join them."""
    said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n"
    target = await targets.raw(saying(said))
    await gateway.api(target.url)

    reply = await gateway.call()

    assert (b"ok", True, None) == (reply.body, reply.is_whole, reply.header("x-trailer"))


async def test_an_answer_that_ends_with_its_connection_is_whole(gateway: Gateway, targets: Targets) -> None:
    """Without length and chunks the end of the connection is the end of the body."""
    target = await targets.raw(saying(b"HTTP/1.1 200 OK\r\n\r\nto the ", b"end"))
    await gateway.api(target.url)

    reply = await gateway.call()

    assert (b"to the end", True) == (reply.body, reply.is_whole)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhal\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhal\r\nzz\r\n",
    ],
)
async def test_an_answer_that_is_cut_off_is_cut_off_for_the_caller(
    gateway: Gateway, targets: Targets, said: bytes
) -> None:
    """Half a body never looks like a whole one."""
    target = await targets.raw(saying(said))
    await gateway.api(target.url)

    reply = await gateway.call()

    assert (200, False) == (reply.status, reply.is_whole)


async def test_a_target_that_stands_still_is_cut_off(start: Start, targets: Targets) -> None:
    """It hangs after the headers: the caller's connection ends instead of hanging too."""
    gateway = await start(idle_seconds=0.2)

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        await reader.read()

    target = await targets.raw(hang)
    await gateway.api(target.url)

    reply = await gateway.call()

    assert (200, False) == (reply.status, reply.is_whole)


async def test_time_limits_hold_per_api(gateway: Gateway, targets: Targets) -> None:
    """An Application's own limit, and that of one of its APIs, stand before the gateway's."""

    async def slowly(seen: Seen) -> Say:
        await asyncio.sleep(0.4)
        return Say()

    target = await targets.serve(slowly)
    await gateway.api(target.url, annotations={"gateway.hub/timeout": "50ms"})
    short = await gateway.call()
    await gateway.api(target.url, annotations={"gateway.hub/timeout": "50ms", "gateway.hub/timeout.service": "1m"})
    long = await gateway.call()
    await gateway.api(target.url, annotations={"gateway.hub/timeout": "soon"})
    wrong = await gateway.call()

    assert (504, 504, 200, 500) == (short.status, short.json["code"], long.status, wrong.status)
    assert "gateway.hub/timeout" in wrong.json["error"]


def dying(deaths: int) -> tuple[Raw, list[Seen]]:
    """Return a target that closes this many connections without an answer before it behaves, and what it saw."""
    seen: list[Seen] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        if request is None:
            return
        seen.append(request)
        if len(seen) > deaths:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()

    return talk, seen


@pytest.mark.parametrize(
    ("method", "deaths", "status", "calls"),
    [
        ("GET", 1, 200, 2),
        ("PUT", 1, 200, 2),
        ("DELETE", 1, 200, 2),
        ("GET", 2, 502, 2),
        ("POST", 1, 502, 1),
        ("PATCH", 1, 502, 1),
    ],
)
async def test_only_harmless_calls_are_repeated(
    gateway: Gateway, targets: Targets, method: str, deaths: int, status: int, calls: int
) -> None:
    """A call without an answer may have been carried out; it is sent again, once, where that changes nothing."""
    talk, seen = dying(deaths)
    target = await targets.raw(talk)
    await gateway.api(target.url)

    reply = await gateway.call("/app/service", method, body=b"body")

    assert (status, calls) == (reply.status, len(seen))
    assert {b"body"} == {each.body for each in seen}


async def test_a_connection_that_was_closed_meanwhile_is_not_met(gateway: Gateway, targets: Targets) -> None:
    """Targets close idle connections; the next POST goes over a new one."""
    target = await targets.raw(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    await gateway.api(target.url)

    statuses = []
    for _ in range(3):
        statuses.append((await gateway.call("/app/service", "POST", body=b"x")).status)
        await asyncio.sleep(0.05)

    assert [200] * 3 == statuses


async def test_connections_that_nobody_uses_are_closed(start: Start, targets: Targets) -> None:
    """A target that is called no more is rid of the gateway, and a later call reaches it all the same."""
    gateway = await start(keep_seconds=0.1)
    ended = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(reader) is not None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        ended.set()

    target = await targets.raw(talk)
    await gateway.api(target.url)

    assert 200 == (await gateway.call()).status
    await asyncio.wait_for(ended.wait(), 10)
    assert 200 == (await gateway.call()).status


async def test_a_target_without_answers_is_left_alone_for_a_while(start: Start, targets: Targets) -> None:
    """After so many failures calls are refused at once, saying when to come back; then one is let through, and all."""
    gateway = await start(breaker_failures=3, breaker_open_seconds=0.5)
    talk, seen = dying(3)
    target = await targets.raw(talk)
    await gateway.api(target.url)

    async def post() -> tuple[int, str | None]:
        reply = await gateway.call("/app/service", "POST", body=b"")
        return reply.status, reply.header("retry-after")

    failed = [await post() for _ in range(3)]
    refused = await post()
    suspended = len(seen)
    async with asyncio.timeout(10):
        while (await post())[0] != 200:
            await asyncio.sleep(0.05)

    assert ([(502, None)] * 3, (502, "1"), 3) == (failed, refused, suspended)
    assert (200, None) == await post()


async def test_one_dead_target_hurts_no_other(start: Start, targets: Targets) -> None:
    """Its pause and its connections are its own."""
    gateway = await start(breaker_failures=1, breaker_open_seconds=60)
    target = await targets.serve()
    await gateway.api("http://127.0.0.1:1", application="dead")
    await gateway.api(target.url, application="alive")

    statuses = [(await gateway.call(f"/{name}/service")).status for name in ("dead", "dead", "alive")]

    assert [502, 502, 200] == statuses


async def test_connections_to_a_target_are_bounded_and_used_again(start: Start, targets: Targets) -> None:
    """More calls than connections wait their turn."""
    gateway = await start(connections=3)

    async def briefly(seen: Seen) -> Say:
        await asyncio.sleep(0.01)
        return Say()

    target = await targets.serve(briefly)
    await gateway.api(target.url)

    replies = await asyncio.gather(*(gateway.call() for _ in range(20)))

    assert ([200] * 20, True) == ([reply.status for reply in replies], target.connections <= 3)


async def test_who_finds_no_free_connection_is_told(start: Start, targets: Targets) -> None:
    """Within the time of the call, and without blaming the target."""
    gateway = await start(connections=1)
    go = asyncio.Event()

    async def wait(seen: Seen) -> Say:
        await go.wait()
        return Say()

    target = await targets.serve(wait)
    await gateway.api(target.url)
    first = asyncio.create_task(gateway.call())
    await until(lambda: bool(target.seen))
    await gateway.api(target.url, annotations={"gateway.hub/timeout": "100ms"})

    second = await gateway.call()
    go.set()

    assert (502, "1", 200) == (second.status, second.header("retry-after"), (await first).status)
    assert "are in use" in second.json["error"]


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "http://10.0.0.1/", "http://[fd00::1]/", "http://0.0.0.0/"]
)
async def test_addresses_inside_are_not_called(gateway: Gateway, url: str) -> None:
    """Whoever registers chooses the address: metadata services and private networks stay closed."""
    await gateway.api(url)

    reply = await gateway.call()

    assert (502, True) == (reply.status, "may not be called" in reply.json["error"])


async def test_loopback_can_be_closed_for_targets_and_their_endpoints(start: Start, targets: Targets) -> None:
    """A token endpoint is chosen by the same hand as the target."""
    gateway = await start(loopback=False)
    target = await targets.serve()
    await gateway.secret("c", {"clientId": "a", "clientSecret": "b"})
    await gateway.api(target.url, application="one")
    credentials = {"type": "OAuth", "secretName": "c", "authenticationUrl": target.url}
    await gateway.api("http://93.184.216.34", application="two", credentials=credentials)

    statuses = [(await gateway.call(f"/{name}/service")).status for name in ("one", "two")]

    assert ([502, 502], []) == (statuses, target.seen)


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /app/service HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /app/service HTTP/1.1\r\nHost: x\r\nX-A: a\rb\r\n\r\n",
        b"GET /app/service HTTP/1.1\r\nHost: x\r\nX A: b\r\n\r\n",
        b"GET /app/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /app/service\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT target:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_requests_that_could_be_read_in_two_ways_are_refused(
    gateway: Gateway, targets: Targets, raw: bytes
) -> None:
    """400, and the target hears nothing of them."""
    target = await targets.serve()
    await gateway.api(target.url)

    reply = await exchange(gateway.port(), raw)

    assert (400, []) == (reply.status, target.seen)


async def test_neither_host_nor_an_absolute_address_chooses_the_target(gateway: Gateway, targets: Targets) -> None:
    """The registration does; an escaped line break stays escaped."""
    target = await targets.serve()
    await gateway.api(target.url)
    raw = b"GET http://evil.example/app/service/a%0d%0aX-Evil:%201 HTTP/1.1\r\nHost: evil.example\r\n\r\n"

    reply = await exchange(gateway.port(), raw)

    seen = target.seen[0]
    assert (200, "/a%0D%0AX-Evil:%201") == (reply.status, seen.target)
    assert ([f"127.0.0.1:{target.port}"], None) == (seen.all("host"), seen.header("x-evil"))


async def test_a_caller_that_leaves_in_the_middle_harms_nobody(gateway: Gateway, targets: Targets) -> None:
    """The next call is answered as ever."""
    target = await targets.serve()
    await gateway.api(target.url)
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port())
    writer.write(head("POST", "/app/service", [("Content-Length", "1000")], None) + b"half")
    await writer.drain()
    writer.close()

    assert 200 == (await gateway.call()).status
