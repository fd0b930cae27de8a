"""Doors: small plain requests are answered directly, everything else as if there were no door."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from hub.kernel.http.app import application, route
from hub.kernel.http.direct import ANY, Call, Door, Doors
from hub.kernel.http.server import Listener
from hub.kernel.settings import ListenerSettings

LIMIT = 100


class Doorman:
    """Takes requests to `/*/events` unless their body says `leave`; answers at once, or when told."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self.waiting: list[Call] = []

    def take(self, call: Call) -> bool:
        """Take a request."""
        if call.body == b"leave":
            return False
        if call.body == b"later":
            self.waiting.append(call)
        else:
            answer(call)
        return True


def answer(call: Call) -> None:
    """Answer with the body that came."""
    call.answer(b"HTTP/1.1 200 OK\r\nby: door\r\ncontent-length: %d\r\n" % len(call.body), call.body)


async def by_route(request: Request) -> Response:
    """Answer with the body that came."""
    return PlainTextResponse(await request.body(), headers={"by": "route"})


@pytest.fixture
async def doorman() -> Doorman:
    """Return who stands at the door."""
    return Doorman()


@pytest.fixture
async def listener(doorman: Doorman) -> AsyncIterator[Listener]:
    """Return a listener with one door and a route behind it."""
    doors = Doors((Door((ANY, b"events"), LIMIT, doorman.take),))
    app = application([route("/{name}/events", by_route, ["POST", "PUT"])])
    listener = Listener("test", ListenerSettings(port=0), app, doors=doors)
    await listener.open()
    yield listener
    await listener.close()


class Connection:
    """A client that writes bytes and reads answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Wrap both ends."""
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, listener: Listener) -> "Connection":
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", listener.port))

    def write(self, *parts: bytes) -> None:
        """Write."""
        self.writer.write(b"".join(parts))

    async def answer(self) -> tuple[int, str, bytes]:
        """Return status, who answered, and the body."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)
        status, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(status.split()[1]), headers.get("by", ""), body

    async def is_closed(self) -> bool:
        """Wait for the end of the connection."""
        return await asyncio.wait_for(self.reader.read(), 5) == b""


@pytest.fixture
async def connection(listener: Listener) -> AsyncIterator[Connection]:
    """Return a connection with the listener."""
    connection = await Connection.to(listener)
    yield connection
    connection.writer.close()


def post(body: bytes, *lines: bytes, path: bytes = b"/shop/events", method: bytes = b"POST") -> bytes:
    """Return a request."""
    head = b"%b %b HTTP/1.1\r\nhost: x\r\n" % (method, path)
    length = b"" if b"transfer-encoding: chunked" in lines else b"content-length: %d\r\n" % len(body)
    return head + length + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


async def test_a_plain_request_is_taken_at_the_door(connection: Connection) -> None:
    """Several on one connection, the body in as many pieces as it likes."""
    connection.write(post(b"one"))
    assert await connection.answer() == (200, "door", b"one")
    request = post(b"two")
    for byte in request:
        connection.write(bytes([byte]))
        await connection.writer.drain()
        await asyncio.sleep(0)
    assert await connection.answer() == (200, "door", b"two")


@pytest.mark.parametrize(
    "request_",
    [
        post(b"leave"),
        post(b"x" * (LIMIT + 1)),
        post(b"3\r\nabc\r\n0\r\n\r\n", b"transfer-encoding: chunked"),
        post(b"x", path=b"/sh%6Fp/events"),
        post(b"x", path=b"/shop/events?a=b"),
        post(b"x", method=b"PUT"),
        post(b"x", b"content-encoding: gzip"),
        post(b"x").replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
    ids=["left", "large", "chunked", "escaped", "query", "method", "encoded", "1.0"],
)
async def test_what_is_not_plain_goes_to_the_route_whole(connection: Connection, request_: bytes) -> None:
    """The route sees the request as if nothing had been."""
    connection.write(request_)
    status, by, body = await connection.answer()
    expected = b"abc" if b"chunked" in request_ else request_.partition(b"\r\n\r\n")[2]
    assert (status, by, body) == (200, "route", expected)


async def test_an_expected_continue_is_given(connection: Connection) -> None:
    """A client that waits before it sends its body is told to go on."""
    head, _, body = post(b"abc", b"expect: 100-continue").partition(b"\r\n\r\n")
    connection.write(head, b"\r\n\r\n")
    assert (await connection.answer())[0] == 100
    connection.write(body)
    assert await connection.answer() == (200, "route", b"abc")


async def test_unknown_paths_are_answered_by_the_application(connection: Connection) -> None:
    """An empty segment is no name."""
    for path in (b"//events", b"/events", b"/a/b/events", b"/a?b/events"):
        connection.write(post(b"x", path=path))
        assert (await connection.answer())[0] == 404


async def test_answers_keep_the_order_of_pipelined_requests(connection: Connection, doorman: Doorman) -> None:
    """Requests written without waiting are answered one after the other, by door or route."""
    connection.write(post(b"later"), post(b"two"), post(b"leave"))
    while not doorman.waiting:
        await asyncio.sleep(0.001)
    answer(doorman.waiting.pop())
    assert [(await connection.answer())[2] for _ in range(3)] == [b"later", b"two", b"leave"]


async def test_a_client_that_wants_no_more_is_let_go(connection: Connection) -> None:
    """`Connection: close` is obeyed after the answer."""
    connection.write(post(b"one", b"connection: close"))
    assert await connection.answer() == (200, "door", b"one")
    assert await connection.is_closed()


async def test_a_client_that_left_before_the_answer_disturbs_nobody(
    listener: Listener, connection: Connection, doorman: Doorman
) -> None:
    """The answer goes nowhere; other connections go on."""
    gone = await Connection.to(listener)
    gone.write(post(b"later"))
    while not doorman.waiting:
        await asyncio.sleep(0.001)
    gone.writer.transport.abort()
    await asyncio.sleep(0.01)
    answer(doorman.waiting.pop())
    connection.write(post(b"one"))
    assert await connection.answer() == (200, "door", b"one")


async def test_a_listener_that_closes_finishes_what_is_in_hand(
    listener: Listener, connection: Connection, doorman: Doorman
) -> None:
    """A request taken at the door is answered before the connection ends."""
    connection.write(post(b"later"))
    while not doorman.waiting:
        await asyncio.sleep(0.001)
    closing = asyncio.create_task(listener.close())
    await asyncio.sleep(0.2)
    assert not closing.done()
    answer(doorman.waiting.pop())
    assert await connection.answer() == (200, "door", b"later")
    await asyncio.wait_for(closing, 5)
    assert await connection.is_closed()


async def test_a_request_that_does_not_come_in_is_ended(doorman: Doorman) -> None:
    """Head or body one byte at a time, or nothing at all: 408, closed, and the slot is free."""
    app = application([route("/{name}/events", by_route, ["POST"])])
    doors = Doors((Door((ANY, b"events"), LIMIT, doorman.take),))
    listener = Listener("test", ListenerSettings(port=0, receive_seconds=0.2), app, doors=doors)
    await listener.open()
    try:
        for beginning in (b"", b"POST /a/ev", post(b"abc")[:-1], post(b"x" * 900)[:-1]):
            connection = await Connection.to(listener)
            connection.write(beginning)
            assert (await connection.answer())[0] == 408
            assert await connection.is_closed()
        kept = await Connection.to(listener)
        kept.write(post(b"later"))
        await asyncio.sleep(0.5)  # an answer may take its time: only the request is limited
        answer(doorman.waiting.pop())
        assert await kept.answer() == (200, "door", b"later")
    finally:
        await listener.close()


OFFER = (b"connection: Upgrade, HTTP2-Settings", b"http2-settings: AAEAAEAAAAIAAAABAAMAAABk", b"upgrade: h2c")
"""As Java's `HttpClient` sends them with every request until it is answered."""


@pytest.mark.parametrize("path", [b"/shop/events", b"/shop/other/events"], ids=["door", "no door"])
async def test_an_offer_of_http_2_is_not_taken_and_does_no_harm(connection: Connection, path: bytes) -> None:
    """Request after request on one connection is answered in HTTP/1.1, the head in one piece or in two."""
    for number in range(3):
        connection.write(post(b"%d upgrade: h2c" % number, *OFFER, path=path))
        status, _, body = await connection.answer()
        assert status == (200 if path == b"/shop/events" else 404)
        assert path != b"/shop/events" or body == b"%d upgrade: h2c" % number
    whole = post(b"last", b"x-padding: " + b"x" * 20, *OFFER, path=path)
    connection.write(whole[:60])
    await connection.writer.drain()
    await asyncio.sleep(0.05)
    connection.write(whole[60:])
    assert (await connection.answer())[0] in (200, 404)
