"""Clients that begin and do not end: each costs one connection for a bounded time, and nobody else waits for it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from hub.kernel.http.app import application, route
from hub.kernel.http.body import read_body
from hub.kernel.http.server import Listener, Passage
from hub.kernel.settings import ListenerSettings
from tests.gateway.certificates import Authority, server_context

RECEIVE_SECONDS = 0.5
CROWD = 12
POST = b"POST /a HTTP/1.1\r\nhost: x\r\n"
SLOW = {
    "nothing": b"",
    "a first letter": b"P",
    "a head without end": POST + b"x-a: b\r\n",
    "a body without end": POST + b"content-length: 1000\r\n\r\nabc",
    "a chunk without end": POST + b"transfer-encoding: chunked\r\n\r\n3e8\r\nabc",
    "chunks without end": POST + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "trailers without end": POST + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-a: b\r\n",
}
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
"""The first bytes of a TLS handshake."""
Authorized = tuple[Authority, Callable[[], ssl.SSLContext]]


async def answer(request: Request) -> Response:
    """Answer when the body is whole."""
    return PlainTextResponse(await read_body(request, 1000))


@asynccontextmanager
async def listening(tls: Callable[[], ssl.SSLContext] | None = None, **settings: Any) -> AsyncIterator[Listener]:
    """Give an open listener."""
    limits: dict[str, Any] = {"port": 0, "receive_seconds": RECEIVE_SECONDS, "keep_alive_seconds": 1} | settings
    listener = Listener("test", ListenerSettings(**limits), application([route("/a", answer, ["POST"])]), tls)
    await listener.open()
    try:
        yield listener
    finally:
        await listener.close()


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Return who vouches for the listener."""
    return Authority("slow")


def trusting(authority: Authority) -> ssl.SSLContext:
    """Return a client's context."""
    return ssl.create_default_context(cadata=authority.pem)


async def served(port: int, tls: ssl.SSLContext | None = None) -> bytes:
    """Make one whole request; return the first line of its answer."""
    async with asyncio.timeout(20):
        name = "localhost" if tls else None
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name)
        writer.write(POST + b"content-length: 2\r\nconnection: close\r\n\r\nok")
        line = await reader.readline()
        writer.close()
        return line


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Wait until the other side ends the connection; return what it said."""
    async with asyncio.timeout(20):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize("name", SLOW)
async def test_a_crowd_of_slow_clients_is_let_go_and_others_are_served_meanwhile(name: str) -> None:
    """They are told 408 and lose their connections; who asks properly is answered at once."""
    async with listening() as listener:
        crowd = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(CROWD)]
        for _, writer in crowd:
            writer.write(SLOW[name])
        assert b"200" in await served(listener.port)
        last = [(await ended(reader))[-200:] for reader, _ in crowd]
        assert all(b"408 Request Timeout" in said for said in last), last[0]


@pytest.mark.parametrize("beginning", [b"", HELLO, b"GET / HTTP/1.1\r\n\r\n"], ids=["silence", "a hello", "no TLS"])
async def test_handshakes_that_do_not_end_hold_up_no_others(authority: Authority, beginning: bytes) -> None:
    """Others shake hands and are served meanwhile."""
    async with listening(lambda: server_context(authority.issue("server"))) as listener:
        crowd = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(CROWD)]
        for _, writer in crowd:
            writer.write(beginning)
        assert b"200" in await served(listener.port, trusting(authority))
        for _, writer in crowd:
            writer.close()


async def test_who_is_slow_after_the_handshake_is_let_go_too(authority: Authority) -> None:
    """TLS buys no time."""
    async with listening(lambda: server_context(authority.issue("server"))) as listener:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", listener.port, ssl=trusting(authority), server_hostname="localhost"
        )
        writer.write(SLOW["a head without end"])
        assert b"408" in await ended(reader)


@pytest.mark.parametrize("further", [b"", b"P", POST], ids=["nothing", "a letter", "a head without end"])
async def test_a_kept_connection_ends(further: bytes) -> None:
    """After an answer it is kept for the next request, not for ever, also when that begins and does not end."""
    async with listening() as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(POST + b"content-length: 2\r\n\r\nok" + further)
        assert b"\r\n\r\nok" in await ended(reader)


async def test_a_full_listener_says_so_and_is_free_again_when_the_slow_are_gone() -> None:
    """Above its number of connections it answers 503 at once; nobody waits in vain."""
    async with listening(concurrency=CROWD) as listener:
        crowd = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(CROWD)]
        for _, writer in crowd:
            writer.write(SLOW["a head without end"])
        assert b"503" in await served(listener.port)
        for reader, _ in crowd:
            await ended(reader)
        assert b"200" in await served(listener.port)


async def test_a_head_is_bounded() -> None:
    """In bytes, however many headers there are; the connection ends there."""
    async with listening() as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, limit=2**22)
        writer.write(POST)
        try:
            for number in range(40_000):
                writer.write(b"x-%d: %b\r\n" % (number, b"a" * 50))
                await writer.drain()
        except ConnectionError:
            pass
        said = await ended(reader)
        assert b"431" in said or not said


async def test_a_passage_bounds_heads_too() -> None:
    """The gateway streams bodies, so only their own limits hold for them; heads have the same as everywhere."""

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise AssertionError("no request came in whole")

    passage = Passage(app, asyncio.Protocol)
    listener = Listener("test", ListenerSettings(port=0, receive_seconds=RECEIVE_SECONDS), passage)
    await listener.open()
    try:
        for beginning in (b"", b"P", POST):
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            writer.write(beginning)
            assert b"408" in await ended(reader)
    finally:
        await listener.close()
