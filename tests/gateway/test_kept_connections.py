"""Calls on connections that are kept: whatever comes of them, it is as on a new one."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.gateway.conftest import Gateway
from tests.gateway.targets import Raw, Say, Seen, Targets, read_request
from tests.gateway.wire import head, read_reply

Start = Callable[..., Awaitable[Gateway]]
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok"


class Second:
    """A target that answers whole, but for one call: the second on its first connection."""

    def __init__(self, *parts: bytes) -> None:
        """Say what is sent then; the connection ends with it."""
        self.parts = parts
        self.connections = 0
        self.asked, self.goes_on = asyncio.Event(), asyncio.Event()
        self.goes_on.set()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer on one connection."""
        self.connections += 1
        is_first, calls = self.connections == 1, 0
        while await read_request(reader) is not None:
            calls += 1
            if is_first and calls == 2:
                await self._answer(writer)
                return
            writer.write(WHOLE)

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        self.asked.set()
        for part in self.parts:
            writer.write(part)
            await self.goes_on.wait()


async def registered(gateway: Gateway, targets: Targets, talk: Raw) -> None:
    """Register a target, and have a connection to it kept."""
    await gateway.api((await targets.raw(talk)).url)
    assert 200 == (await gateway.call()).status


@pytest.mark.parametrize(
    ("method", "said", "status", "body"),
    [
        ("GET", b"", 200, b"ok"),
        ("POST", b"", 502, b"without an answer"),
        ("POST", b"HTTP/1.1 2000 OK\r\n\r\n", 502, b"not HTTP"),
        ("POST", b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno", 502, b"no"),
        ("POST", b"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        ("POST", b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE, 200, b"ok"),
    ],
)
async def test_what_comes_of_a_call_is_as_on_a_new_connection(
    gateway: Gateway, targets: Targets, method: str, said: bytes, status: int, body: bytes
) -> None:
    """No answer is repeated where that is safe and 502 elsewhere; what is no HTTP is 502; the rest is passed on."""
    second = Second(said)
    await registered(gateway, targets, second.talk)

    reply = await gateway.call("/app/service", method, body=b"x" if method == "POST" else None)

    assert (status, True) == (reply.status, body in reply.body), reply
    assert (2 if method == "GET" else 1) == second.connections


async def test_an_answer_cut_off_in_the_middle_is_not_taken_for_whole(gateway: Gateway, targets: Targets) -> None:
    """The head is passed on as it comes, and the caller's connection ends without the end of the body."""
    second = Second(HALF)
    await registered(gateway, targets, second.talk)

    reply = await gateway.call("/app/service", "POST", body=b"x")

    assert (200, False) == (reply.status, reply.is_whole)


async def test_an_answer_in_parts_is_passed_on_part_by_part(gateway: Gateway, targets: Targets) -> None:
    """The caller has the head while the target still has the rest."""
    second = Second(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"rest")
    second.goes_on.clear()
    await registered(gateway, targets, second.talk)

    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port())
        writer.write(head("GET", "/app/service", [], None))
        first = await reader.readuntil(b"\r\n\r\n")
        second.goes_on.set()

        assert b"rest" == await reader.readexactly(4), first
        writer.close()


async def test_no_answer_in_time_is_504(start: Start, targets: Targets) -> None:
    """The time limit holds from the call on."""
    gateway = await start(timeout_seconds=0.3)
    second = Second(b"")
    second.goes_on.clear()
    await registered(gateway, targets, second.talk)

    assert 504 == (await gateway.call("/app/service", "POST", body=b"x")).status


@pytest.mark.parametrize(("headers", "status", "calls"), [({}, 200, 3), ({"Access-Token": "Bearer own"}, 401, 2)])
async def test_a_refusal_is_repeated_once_unless_the_token_is_the_callers(
    gateway: Gateway, targets: Targets, headers: dict[str, str], status: int, calls: int
) -> None:
    """As upstream."""
    answers = [Say(200), Say(401), Say(200)]

    def answer(_seen: Seen) -> Say:
        return answers.pop(0)

    target = await targets.serve(answer)
    await gateway.api(target.url)
    await gateway.call()

    reply = await gateway.call(headers=headers)

    assert (status, calls) == (reply.status, len(target.seen))


async def test_requests_sent_together_are_answered_in_order(gateway: Gateway, targets: Targets) -> None:
    """Several in one write, each with its own body."""
    target = await targets.serve(lambda seen: Say(200, seen.body))
    await gateway.api(target.url)
    await gateway.call()
    bodies = [b"first", b"second", b"third"]

    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port())
        writer.write(b"".join(head("POST", "/app/service", [], body) + body for body in bodies))

        assert bodies == [(await read_reply(reader)).body for _ in bodies]
        writer.close()


async def test_a_body_that_waits_for_a_sign_gets_it(gateway: Gateway, targets: Targets) -> None:
    """Its head alone does not make it a call."""
    target = await targets.serve(lambda seen: Say(200, seen.body))
    await gateway.api(target.url)
    await gateway.call()

    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port())
        writer.write(head("POST", "/app/service", [("Expect", "100-continue"), ("Content-Length", "4")], None))
        assert b"HTTP/1.1 100 Continue\r\n\r\n" == await reader.readuntil(b"\r\n\r\n")
        writer.write(b"body")

        assert b"body" == (await read_reply(reader)).body
        writer.close()


async def test_a_caller_that_leaves_costs_nobody_a_connection(start: Start, targets: Targets) -> None:
    """What was on its way is received, and the only connection serves the next caller."""
    gateway = await start(timeout_seconds=5, connections=1)
    asked, goes_on = asyncio.Event(), asyncio.Event()

    async def answer(seen: Seen) -> Say:
        if seen.method == "POST":
            asked.set()
            await goes_on.wait()
        return Say(200)

    target = await targets.serve(answer)
    await gateway.api(target.url)
    await gateway.call()

    async with asyncio.timeout(20):
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port())
        writer.write(head("POST", "/app/service", [("Content-Length", "0")], None))
        await asked.wait()
        writer.close()
        await writer.wait_closed()
    goes_on.set()

    assert 200 == (await gateway.call()).status
    assert 1 == target.connections
