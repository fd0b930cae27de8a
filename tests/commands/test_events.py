"""`hub events` as people and scripts use it."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from hub.commands.eventfiles import read_events
from hub.functions.runtime.deployment import log_file
from hub.ingress.dialects import cloudevents
from hub.kernel.broker import Bus
from tests.commands.line import Line
from tests.dispatch.letters import post, subscribe


@pytest.fixture
async def room(bus: Bus, running: Any) -> Bus:
    """Return the bus of a running dispatch with the Subscription `orders`."""
    await running(["dispatch"])
    await subscribe(bus, types=["order.paid.v1"])
    return bus


async def test_the_past_is_listed_and_narrowed(room: Bus, hub: Line) -> None:
    """One line per event; an Application and a type narrow it; programs get one object per line."""
    await post(room, "a")
    await post(room, "b", source="desk")
    await post(room, "c", "order.paid.v1")
    lines = (await hub("events", "tail", "--no-follow", "--since", "1h")).out.splitlines()
    assert [line.split()[4] for line in lines] == ["a", "b", "c"]
    narrowed = await hub("events", "tail", "--no-follow", "--app", "shop", "--type", "order.paid.v1", "-o", "json")
    [event] = [json.loads(line) for line in narrowed.out.splitlines()]
    assert (event["id"], event["size"], "data" in event) == ("c", 7, False)
    with_data = await hub("events", "tail", "--no-follow", "-c", "1", "--data", "-o", "json")
    assert json.loads(with_data.out)["data"] == {"n": 1}


async def test_events_are_shown_as_they_come(room: Bus, hub: Line) -> None:
    """The tail waits, and ends after as many as were asked for."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", "events", "tail", "-c", "1",
        stdout=asyncio.subprocess.PIPE, env=hub.environment({}), cwd=hub.settings.data_dir,
    )  # fmt: skip
    posting = asyncio.create_task(_post_until(room, process))
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    await posting
    assert (process.returncode, len(out.splitlines())) == (0, 1)


async def _post_until(bus: Bus, process: asyncio.subprocess.Process) -> None:
    """Post until the tail, which begins with what comes after it, has seen one."""
    number = 0
    while process.returncode is None:
        number += 1
        await post(bus, f"e{number}")
        await asyncio.sleep(0.05)


async def test_one_event_is_one_page(room: Bus, hub: Line) -> None:
    """Accepted, stored, and who did not want it; the same as JSON."""
    sequence = await post(room, "a", traceparent="00-1-2-01")
    page = (await hub("events", "show", str(sequence))).out
    assert ("accepted" in page, "EVENTS 1" in page, "default/orders: The event's type is" in page) == (True, True, True)
    assert (await hub("events", "show", "a", "--source", "shop", "-o", "json")).json["event"]["id"] == "a"


async def test_a_number_is_a_sequence_unless_it_is_said_to_be_an_id(room: Bus, hub: Line) -> None:
    """Both can be meant, and both can be said."""
    await post(room, "7")
    assert (await hub("events", "show", "7")).status == 1
    assert (await hub("events", "show", "7", "--id", "-o", "json")).json["stored"]["sequence"] == 1


async def test_why_prints_the_one_step(room: Bus, hub: Line) -> None:
    """One line; an unknown Subscription is refused."""
    await post(room, "a")
    said = await hub("events", "why", "1", "orders")
    assert (said.status, said.out.startswith("not_matched (type): ")) == (0, True)
    wrong = await hub("events", "why", "1", "nobody")
    assert (wrong.status, "no Subscription 'nobody'" in wrong.err) == (1, True)


async def test_lines_of_a_function_stand_on_the_page(room: Bus, hub: Line) -> None:
    """What the Function printed while it had this event, and nothing of others."""
    await subscribe(room, "logged", sink="function:orders")
    await post(room, "a")
    log = log_file(hub.settings.data_dir, "default", "orders")
    log.parent.mkdir(parents=True)
    log.write_text('{"time":"t","event":"a","text":"mine"}\n{"time":"t","event":"ab","text":"other"}\nno json a\n')
    shown = await hub("events", "show", "a", "-o", "json")
    rows = {row["subscription"]: row for row in shown.json["subscriptions"]}
    assert [line["text"] for line in rows["logged"]["log"]] == ["mine"]
    assert "log t mine" in (await hub("events", "show", "a")).out


async def test_every_command_has_examples(hub: Line) -> None:
    """The help shows how it is used."""
    for verb in ("tail", "show", "why"):
        assert "Example" in (await hub("events", verb, "--help")).out


async def test_a_stored_event_becomes_a_test_case(room: Bus, hub: Line, tmp_path: Path) -> None:
    """`--save` writes the event as a CloudEvent in JSON, whatever its data is; what is there already is left alone."""
    plain = await post(room, "a", region="e%20u")
    headers = {"ce-id": "b", "ce-type": "t", "ce-source": "shop", "ce-specversion": "1.0"}
    headers["ce-datacontenttype"] = "image/png"
    raw = (await room.publish("events.shop.t", b"\xff\x00", headers)).sequence
    saved = [tmp_path / f"{name}.json" for name in ("plain", "raw")]
    for sequence, path in zip((plain, raw), saved, strict=True):
        said = await hub("events", "show", str(sequence), "--save", str(path))
        assert (said.status, said.out) == (0, f"{path}\n"), said.err
    first, second = (read_events(str(path))[0] for path in saved)
    assert (first["id"], first["specversion"], first["region"], first["data"]) == ("a", "1.0", "e u", {"n": 1})
    assert (second["data_base64"], second["datacontenttype"]) == ("/wA=", "image/png")
    assert cloudevents.parse_structured(orjson.dumps(second)).data == b"\xff\x00"
    again = await hub("events", "show", str(plain), "--save", str(saved[0]))
    assert again.status == 1 and "there already" in again.err
    nowhere = await hub("events", "show", str(plain), "--save", str(tmp_path / "none" / "a.json"))
    assert nowhere.status == 1 and "cannot be written" in nowhere.err
