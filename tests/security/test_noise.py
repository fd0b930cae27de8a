"""Noise at every listener and on every subject: answered or passed over, in time, and nobody falls over."""

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import subjects
from hub.house import LISTENERS, ROOMS, Running
from hub.kernel.broker import Bus
from hub.kernel.client import Client
from hub.kernel.keys import Keys
from hub.settings import HubSettings
from tests.journeys.conftest import House
from tests.security.conftest import Solution
from tests.security.records import failures_of
from tests.security.test_smuggling import answered, opened

SECONDS = 20
AT_ONCE = 0.1
"""Seconds that an unfinished request is given for an answer; that it ends at all is another test's matter."""
WORDS = {
    name: [word.encode("latin-1") for word in words]
    for name, words in json.loads((Path(__file__).with_name("vectors") / "noise.json").read_text()).items()
}
CLOSED = b"host: x\r\nconnection: close\r\n"
PIECES = st.sampled_from(WORDS["pieces"]) | st.binary(max_size=6)
NOISE = st.binary(max_size=200) | st.lists(PIECES, max_size=16).map(b"".join)
WHOLE = st.builds(
    lambda method, path, lines, body: b"%b %b HTTP/1.1\r\n%bcontent-length: %d\r\n\r\n%b"
    % (method, path, b"".join([CLOSED, *lines]), len(body), body),
    st.sampled_from(WORDS["methods"]),
    st.sampled_from(WORDS["paths"]),
    st.lists(st.sampled_from(WORDS["headers"]), max_size=5, unique=True),
    st.binary(max_size=60) | st.sampled_from(WORDS["bodies"]),
)
"""Requests that are whole: they reach what is behind the listener."""
DRAWN = settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


def said_to(house: House, url: str, raw: bytes, *, whole: bool) -> bytes:
    """Send bytes; return what comes until the end, or of what is no whole request what comes at once."""
    with opened(house, url) as connection:
        connection.settimeout(SECONDS if whole else AT_ONCE)
        if whole:
            return answered(connection, raw)
        try:
            connection.sendall(raw)
            return connection.recv(65536)
        except OSError:
            return b""


@pytest.mark.parametrize("listener", [*LISTENERS, "metrics"])
def test_noise_gets_a_refusal_or_nothing(house: House, listener: str) -> None:
    """No status of a server's fault, no traceback, no hang; at the end the listener answers as before."""
    url = (dict(house.running.processes()["edge"]["listeners"]) | house.running.listeners)[listener]

    @DRAWN
    @given(drawn=st.tuples(WHOLE, st.just(True)) | st.tuples(NOISE, st.just(False)))
    def each(drawn: tuple[bytes, bool]) -> None:
        raw, whole = drawn
        said = said_to(house, url, raw, whole=whole)
        status = said[9:12]
        assert not status.startswith(b"5") or status in (b"501", b"505"), (raw, said)
        assert b"Traceback" not in said

    each()
    assert failures_of(house) == []
    last = said_to(house, url, b"GET /openapi.json HTTP/1.1\r\n" + CLOSED + b"\r\n", whole=True)
    assert last.startswith(b"HTTP/1.1 ")


def test_noise_under_tls_is_refused_too(house: House, solution: Solution) -> None:
    """Where handshakes are expected and something else comes, and from a solution with a certificate."""
    port = int(house.edge.rpartition(":")[2])

    @DRAWN
    @given(raw=st.binary(min_size=1, max_size=100).map(lambda rest: b"\x16\x03\x01" + rest) | NOISE)
    def each(raw: bytes) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            assert b"Traceback" not in answered(connection, b"")

    each()
    assert solution("shop").get("/shop/v1/metadata/services").status_code == 200
    assert failures_of(house) == []


GARBAGE = [*WORDS["requests on the bus"], b"[" * 2000, b'{"a":' * 2000]


OPERATORS = {
    "ask.authorities.rotate", "ask.authorities.finish", "ask.authorities.reseal", "ask.secrets.reseal",
}  # fmt: skip
"""Requests without content, which would be carried out."""


def subjects_of(settings: HubSettings) -> Iterator[str]:
    """Iterate over the request subjects that the rooms of a whole hub answer."""
    running = Running(settings)
    running.furnish(Bus(Client()), Keys(bytes(32)))
    for name in ROOMS:
        router = running.build(name).router
        for subscriber in router.subscribers if router is not None else ():
            found = re.search(r"ask\.[a-z.]+", repr(getattr(subscriber, "subject", "")))
            if found is not None:
                yield found.group()


async def test_noise_on_the_bus_ends_no_worker(house: House, settings: HubSettings) -> None:
    """Requests of every room are answered, contract events that cannot be read are dead letters; nobody restarts."""
    url = json.loads((house.running.data_dir / "run" / "nats.json").read_text())["url"]
    asked = sorted(set(subjects_of(settings)) - OPERATORS)
    assert len(asked) > 20
    client = await nats.connect(url)
    try:
        for garbage in GARBAGE:
            requests = (client.request(subject, garbage, timeout=60) for subject in asked)
            for subject, reply in zip(asked, await asyncio.gather(*requests), strict=True):
                assert (reply.headers or {}).get("Hub-Status") != "500", (subject, garbage, reply.data)
        stream = client.jetstream()
        for subject in ("hub.application.v1.registered", "hub.certificate.v1.issued", "hub.catalog.v1.observed"):
            await stream.publish(subject, b"\xff{", headers={"ce-type": "\xc3"})
        for first in ("call.default.nobody", "call.*", subjects.dead("default", "x"), subjects.replay("default", "x")):
            await client.publish(first.replace("*", "x"), b"\xff", headers={"a": "b"})
        await client.flush()
    finally:
        await client.close()
    assert failures_of(house) == []
    state = house.running.state()
    assert ("ready", 0) == (state["state"], sum(each["restarts"] for each in state["processes"]))
