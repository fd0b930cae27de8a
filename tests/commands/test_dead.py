"""`hub dead` as operators and scripts use it."""

import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from contracts import subjects
from hub.commands import dead
from hub.commands.session import Session
from hub.kernel.broker import Bus
from tests.commands.line import Line
from tests.dispatch.letters import bury, stored, subscribe


@pytest.fixture
async def pile(bus: Bus, running: Any) -> Bus:
    """Return the bus of a dispatch that has two dead letters of `orders` and one of `bills`."""
    await running(["dispatch"])
    await subscribe(bus)
    await bury(bus, "a")
    await bury(bus, "b", **{"ce-type": "order.[cancelled].v1", "Hub-Kind": "final-status"})
    await bury(bus, "c", "bills")
    return bus


async def test_people_see_a_table_and_programs_json(pile: Bus, hub: Line) -> None:
    """A line per letter with its Subscription and reason; brackets are no mark-up."""
    table = await hub("dead", "list")
    assert (table.status, len(table.out.splitlines())) == (0, 4)
    assert "order.[cancelled].v1" in table.out
    listed = await hub("dead", "list", "orders", "--kind", "final-status", "-o", "json")
    assert [item["id"] for item in listed.json] == ["b"]


async def test_a_list_that_was_cut_says_how_to_go_on(pile: Bus, hub: Line) -> None:
    """Nothing is hidden silently: the cursor leads to the rest."""
    first = await hub("dead", "list", "--limit", "2", "-o", "json")
    assert ([item["id"] for item in first.json], "--cursor 3" in first.err) == (["a", "b"], True)
    assert [item["id"] for item in (await hub("dead", "list", "--cursor", "3", "-o", "json")).json] == ["c"]


async def test_one_letter_is_shown_with_its_data(pile: Bus, hub: Line) -> None:
    """Why it was given up, the attributes, the data; a wrong number is one line and exit status 1."""
    shown = await hub("dead", "show", "1", "-o", "json")
    assert (shown.json["data"], shown.json["reason"]) == ({"n": 1}, "The sink answered 500.")
    assert "ce-id" in (await hub("dead", "show", "1")).out
    wrong = await hub("dead", "show", "77")
    assert (wrong.status, wrong.err.count("\n"), "no dead letter 77" in wrong.err) == (1, 1, True)


async def test_a_replay_can_be_rehearsed(pile: Bus, hub: Line) -> None:
    """The dry run counts, the replay does it, and the rest stays."""
    rehearsed = await hub("dead", "replay", "orders", "--dry-run")
    assert (rehearsed.status, "2 dead letters would be replayed" in rehearsed.out) == (0, True)
    assert (await hub("dead", "replay", "orders", "-o", "json")).json == {"replayed": 2}
    assert [each.headers["ce-id"] for each in await stored(pile, subjects.DEAD)] == ["c"]


async def test_many_pages_are_one_action(pile: Bus, hub: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the pages: everything is listed, counted and done, up to the letter that was the newest."""
    monkeypatch.setattr(dead, "PAGE", 1)
    session = Session(hub.settings, pile.nc, pile.js)
    items, left = await dead.read_all(session, {}, None)
    assert ([item["id"] for item in items], left) == (["a", "b", "c"], None)
    assert (await dead.act(session, "drop", {"all": True, "dryRun": True}))["would"] == 3
    assert await dead.act(session, "drop", {"all": True}) == {"dropped": 3, "last": 3}


async def test_the_audit_record_names_user_and_machine(pile: Bus, hub: Line) -> None:
    """Whoever ran the command stands in the record."""
    await hub("dead", "replay", "orders", LOGNAME="ann")
    records = [orjson.loads(each.data) for each in await stored(pile, subjects.HUB, "hub.delivery.>")]
    assert {record["by"].split("@")[0] for record in records} == {"ann"}


async def test_a_letter_is_edited_before_it_is_replayed(pile: Bus, hub: Line, tmp_path: Path) -> None:
    """In the editor of the user, or from a file; an editor that changes nothing replays nothing."""
    editor = tmp_path / "editor.py"
    editor.write_text("import sys\np = sys.argv[1]\nt = open(p).read()\nopen(p, 'w').write(t.replace('1', '2'))\n")
    done = await hub("dead", "replay", "--sequence", "1", "--edit", EDITOR=f"{sys.executable} {editor}", VISUAL="")
    assert done.status == 0, done.err
    given = await hub("dead", "replay", "--sequence", "2", "--set-data", "-", stdin='{"n":3}')
    assert given.status == 0, given.err
    assert [orjson.loads(each.data) for each in await stored(pile, subjects.EVENTS)] == [{"n": 2}, {"n": 3}]
    same = await hub("dead", "replay", "--sequence", "3", "--edit", EDITOR="true", VISUAL="")
    assert (same.status, "not changed" in same.err, len(await stored(pile, subjects.DEAD))) == (1, True, 1)


async def test_a_drop_must_be_meant(pile: Bus, hub: Line) -> None:
    """Without saying which: wrong usage. Without a terminal to ask on: --yes, or nothing happens."""
    assert (await hub("dead", "drop", "orders")).status == 2
    unsaid = await hub("dead", "drop", "orders", "--all")
    assert (unsaid.status, "--yes" in unsaid.err, len(await stored(pile, subjects.DEAD))) == (1, True, 3)
    assert (await hub("dead", "drop", "orders", "--all", "--yes", "-o", "json")).json == {"dropped": 2}
    assert (await hub("dead", "drop", "--sequence", "1", "--yes")).status == 1


async def test_wrong_moments_are_refused_by_name(hub: Line) -> None:
    """A time that is neither duration nor moment names its option."""
    said = await hub("dead", "list", "--since", "yesterday")
    assert (said.status, "--since 'yesterday'" in said.err) == (1, True)


async def test_an_event_store_that_is_away_is_no_endless_wait(hub: Line) -> None:
    """One line and exit status 1."""
    said = await hub("dead", "list", HUB_NATS__URL="nats://127.0.0.1:9")
    assert (said.status, "is the hub up" in said.err) == (1, True)


async def test_every_command_has_examples(hub: Line) -> None:
    """The help shows how it is used."""
    for verb in ("list", "show", "replay", "drop"):
        assert "Example" in (await hub("dead", verb, "--help")).out
