"""Requests and answers that two readers could cut differently: refused, or passed on in one form only."""

import asyncio
import json
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hub.dispatch.sinks.posting import Poster
from hub.house import LISTENERS
from hub.kernel.egress import EgressRule
from hub.kernel.errors import UpstreamUnavailable
from tests.gateway.conftest import Gateway
from tests.gateway.targets import Target, Targets
from tests.gateway.wire import exchange
from tests.journeys.conftest import House
from tests.security.records import failures_of

VECTORS = Path(__file__).with_name("vectors")
REQUESTS = json.loads((VECTORS / "requests.json").read_text())
ANSWERS = json.loads((VECTORS / "answers.json").read_text())
SMUGGLED = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
"""Follows each request: whoever reads the first one differently answers this one."""
ABBREVIATED = [REQUESTS["head"] + rest for rest in REQUESTS["refused"].values()]
REFUSED = dict(zip(REQUESTS["refused"], ABBREVIATED, strict=True)) | REQUESTS["first lines"]


def opened(house: House, url: str) -> socket.socket:
    """Return a connection with a listener, encrypted where it wants that."""
    parts = urlsplit(url)
    plain = socket.create_connection(("127.0.0.1", parts.port or 0), timeout=20)
    if parts.scheme == "http":
        return plain
    return ssl.create_default_context(cafile=str(house.authority)).wrap_socket(plain, server_hostname="localhost")


def answered(connection: socket.socket, raw: bytes) -> bytes:
    """Send bytes and return everything that comes until the other side closes."""
    received = bytearray()
    try:
        connection.sendall(raw)
        while part := connection.recv(65536):
            received += part
    except ConnectionError:
        pass
    return bytes(received)


@pytest.mark.parametrize("listener", [*LISTENERS, "metrics"])
def test_what_can_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_read(house: House, listener: str) -> None:
    """One answer, 400, and the end of the connection: at every listener, whatever stands in front."""
    url = dict(house.running.processes()["edge"]["listeners"], **house.running.listeners)[listener]
    for name, raw in REFUSED.items():
        with opened(house, url) as connection:
            said = answered(connection, raw.encode("latin-1") + SMUGGLED)
        assert said.count(b"HTTP/1.1 ") <= 1, (name, said)
        assert said.startswith(b"HTTP/1.1 40") or not said, (name, said)
    assert failures_of(house) == []


@pytest.mark.parametrize("name", REQUESTS["passed"])
async def test_a_request_reaches_its_target_once_and_in_one_form(gateway: Gateway, targets: Targets, name: str) -> None:
    """With one length or in chunks, never both; the body is whole, and what stands in it stays there."""
    target = await targets.serve()
    await gateway.api(target.url, application="shop")
    rest, body = REQUESTS["passed"][name]
    raw = REQUESTS["head"].replace("/shop/service", "/shop/service/a") + rest

    reply = await exchange(gateway.port(), raw.encode("latin-1"))

    assert 200 == reply.status, reply
    (seen,) = target.seen
    assert body.encode() == seen.body
    assert 1 == len(seen.all("content-length") + seen.all("transfer-encoding"))
    assert ["POST", "/a", None, None] == [seen.method, seen.target, seen.header("upgrade"), seen.header("x-evil")]


async def poisoned(targets: Targets, first: str) -> Target:
    """Return a target that answers the first request so, and every later one with its own path."""
    answers = [first.encode("latin-1")]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            own = head.split(b" ")[1]
            clean = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(own), own)
            writer.write(answers.pop() if answers else clean)

    return await targets.raw(talk)


@pytest.mark.parametrize("name", ANSWERS)
async def test_no_answer_of_a_target_is_given_to_the_next_caller(
    gateway: Gateway, targets: Targets, name: str
) -> None:
    """Whatever a target sends, it is the answer to one call or to none, and no header of it is made up."""
    target = await poisoned(targets, ANSWERS[name])
    await gateway.api(target.url)

    first = await gateway.call("/app/service/first")
    second = await gateway.call("/app/service/second")

    assert first.status in {200, 204, 304, 502}, first
    assert (first.header("x-evil"), second.header("x-evil")) == (None, None)
    assert b"poison" not in first.body
    assert (200, b"/second") == (second.status, second.body)


@pytest.mark.parametrize("name", ANSWERS)
async def test_no_answer_of_a_sink_is_taken_for_that_to_the_next_event(targets: Targets, name: str) -> None:
    """A sink cannot acknowledge, beforehand, an event that it has not been given."""
    target = await poisoned(targets, ANSWERS[name])
    poster = Poster(EgressRule(loopback=True), ssl.create_default_context)
    try:
        try:
            first = await poster.post(poster.target(f"{target.url}/first"), {}, b"", 10)
            assert b"poison" not in first.excerpt
        except UpstreamUnavailable:
            pass
        second = await poster.post(poster.target(f"{target.url}/first"), {}, b"", 10)
    finally:
        poster.close()

    assert (200, b"/first") == (second.status, second.excerpt)
