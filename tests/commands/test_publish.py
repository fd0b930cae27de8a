"""`hub publish`: from files to the stream, over the internal listener and over mutual TLS."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from contracts import subjects
from hub.commands.connection.pairing import pair
from hub.commands.eventfiles import parse_events
from hub.commands.session import Session
from hub.commands.token import offer
from hub.kernel.broker import Bus
from hub.kernel.errors import InvalidInput
from tests.commands.line import Line
from tests.conftest import make_settings
from tests.dispatch.letters import stored


def event(event_id: str, **more: Any) -> dict[str, Any]:
    """Return a CloudEvent as JSON."""
    return {"specversion": "1.0", "id": event_id, "source": "mine", "type": "order.created.v1", "data": {"n": 1}} | more


@pytest.fixture
async def url(bus: Bus, running: Any) -> str:
    """Return the address of an internal listener."""
    process = await running(["ingress"], ["internal"])
    return str(process.addresses()["internal"])


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(event("a")),
        json.dumps([event("a"), event("b")]),
        f"{json.dumps(event('a'))}\n\n{json.dumps(event('b'))}\n",
    ],
    ids=["one", "array", "one per line"],
)
async def test_every_form_of_file_is_published_in_order(bus: Bus, hub: Line, url: str, text: str) -> None:
    """Each event has its receipt: stream, position, durability."""
    said = await hub("publish", "-", "--url", url, "-o", "json", stdin=text)
    assert said.status == 0, said.err
    assert [(each["stream"], each["sequence"], each["duplicate"]) for each in said.json] == [
        ("EVENTS", number, False) for number in range(1, len(said.json) + 1)
    ]
    assert {each["durability"] for each in said.json} == {"buffered, R1"}
    assert [each.headers["ce-id"] for each in await stored(bus, subjects.EVENTS)] == ["a", "b"][: len(said.json)]


async def test_an_event_is_made_of_options(bus: Bus, hub: Line, url: str) -> None:
    """Type and data are enough; the Application becomes its source; a repeat is told as duplicate."""
    options = ("--url", url, "--app", "shop", "--type", "order.created.v1", "--id", "x")
    first = await hub("publish", *options, "--data", '{"n": 2}')
    again = await hub("publish", *options, "--data", "plain words")
    assert ("EVENTS 1" in first.out, "duplicate" in first.out, "duplicate" in again.out) == (True, False, True)
    [kept] = await stored(bus, subjects.EVENTS)
    assert (kept.subject, json.loads(kept.data)) == ("events.shop.order.created.v1", {"n": 2})


async def test_a_refused_event_is_told_and_the_others_are_stored(bus: Bus, hub: Line, url: str, tmp_path: Path) -> None:
    """Exit status 1, the number of the event and the hub's own reason on standard error."""
    file = tmp_path / "events.json"
    file.write_text(json.dumps([event("a"), event("b", type=""), event("c")]))
    said = await hub("publish", str(file), "--url", url)
    assert (said.status, len(said.out.splitlines())) == (1, 2)
    assert "event 2 (b) refused with 400: type: MUST be" in said.err
    assert len(await stored(bus, subjects.EVENTS)) == 2


async def test_what_cannot_be_read_sends_nothing(bus: Bus, hub: Line, url: str) -> None:
    """One wrong line and not one event leaves."""
    said = await hub("publish", "-", "--url", url, stdin=f"{json.dumps(event('a'))}\n{{oops\n")
    assert (said.status, "line 2" in said.err, await stored(bus, subjects.EVENTS)) == (1, True, [])
    assert (await hub("publish", "missing.json", "--url", url)).status == 1


@pytest.mark.parametrize("raw", [b"7", b"[1]", b'{"a":1}\n7', b"", b"{"])
def test_what_is_no_event_is_refused(raw: bytes) -> None:
    """Events are JSON objects, in all three forms."""
    with pytest.raises(InvalidInput, match="nothing was sent"):
        parse_events(raw, "file")


async def test_a_paired_machine_publishes_over_mutual_tls(
    bus: Bus, running: Any, hub: Line, tmp_path: Path, nats_url: str
) -> None:
    """The files of `hub connect` are all it needs; the source is what the certificate says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = make_settings(tmp_path, nats_url, edge={"port": port})
    await running(["registry", "connector", "ingress"], ["edge"], settings)
    offered = await offer(Session(settings, bus.nc, bus.js), "shop", create=True)
    await asyncio.to_thread(pair, offered["url"], tmp_path / "shop", ca=Path(offered["ca"]))
    said = await hub("publish", "-", "--connection", str(tmp_path / "shop"), stdin=json.dumps(event("a")))
    assert (said.status, "EVENTS 1" in said.out) == (0, True), said.err
    [kept] = await stored(bus, subjects.EVENTS)
    assert kept.headers["ce-source"] == "shop"


async def test_no_hub_and_wrong_usage_are_told(hub: Line, tmp_path: Path) -> None:
    """Nobody listens: exit 1 and what to do. Contradicting options: exit 2."""
    for options, status, text in [
        (("-",), 1, "hub up"),
        (("-", "--url", "http://127.0.0.1:9"), 1, "does not answer"),
        (("-", "--connection", str(tmp_path)), 1, "hub connect"),
        ((), 2, "FILE"),
        (("-", "--type", "a.v1"), 2, "FILE"),
        (("-", "--id", "x"), 2, "--type"),
        (("-", "--connection", "x", "--app", "shop"), 2, "--app"),
    ]:
        said = await hub("publish", *options, stdin=json.dumps(event("a")))
        assert (said.status, text in said.err) == (status, True), said.err
    assert "Examples" in (await hub("publish", "--help")).out
