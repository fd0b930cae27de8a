"""What strangers put into names, identifiers and errors forges no line of the log and moves no operator's cursor."""

import json
import re
import subprocess
import sys

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.commands.escaping import visible
from hub.commands.session import say, say_error, say_json
from hub.commands.tables import say_table
from tests.journeys.conftest import House
from tests.security.conftest import Solution
from tests.security.records import records_of

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
FORGED = '\n{"event": "certificate.issued", "level": "info"}\r\x1b[2J\x1b]0;pwned\x07\u009b31m\u2028\u202e'
BINARY = {"ce-specversion": "1.0", "ce-source": "shop", "content-type": "application/json"}


@given(st.text(st.characters(codec="utf-8")))
def test_nothing_a_terminal_obeys_is_left(text: str) -> None:
    """Of any text; tabs and line feeds stay."""
    assert not CONTROLS.search(visible(text))


@given(st.text(st.characters(codec="utf-8")))
def test_json_stays_the_same_json(text: str) -> None:
    """Programs read what they read before."""
    assert text == json.loads(visible(json.dumps(text, ensure_ascii=False)))


def test_every_way_to_a_terminal_is_covered(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines, complaints, tables and JSON for people and programs."""
    say(FORGED.replace("\n", ""))
    say_error(FORGED)
    say_table(["name"], [[FORGED]])
    say_json({"name": FORGED})
    written = capsys.readouterr()
    assert not CONTROLS.search(written.out + written.err)
    assert len(written.err.splitlines()) == 1


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_field_is_one_line_of_the_log(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In JSON and in the text for terminals, with and without a traceback."""
    shown = _logged(form)
    own_colours = re.sub(r"\x1b\[\d*m", "", shown)
    assert not CONTROLS.search(own_colours)
    starts = [line for line in own_colours.splitlines() if line and not line.startswith(" ")]
    assert len(starts) == 2, own_colours


def _logged(form: str) -> str:
    program = (
        "import structlog, sys\nfrom hub.up.logs import configure\nfrom hub.kernel.settings import LogSettings\n"
        f"configure(LogSettings(level='debug', format={form!r}))\nlog = structlog.get_logger()\n"
        f"log.info('event.accepted', event_id={FORGED!r})\n"
        f"try:\n    raise ValueError({FORGED!r})\nexcept ValueError:\n    log.exception('bug.caught')\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=30)
    return run.stdout.decode()


def test_a_posted_event_forges_no_line(house: House, solution: Solution) -> None:
    """Its id, type and path reach the logs of all processes as values only; the commands show them escaped."""
    shop = solution("shop")
    identifier = "a%0A%7B%22event%22%3A%22forged%22%7D%1B%5B2J%C2%9B31m"
    posted = shop.post("/shop/events", headers=BINARY | {"ce-id": identifier, "ce-type": "order.made.v1"}, content="{}")
    assert posted.status_code == 204, posted.text
    for path in ("/shop%0A%1B[2J/v1/events", "/shop/v1/metadata/services/%0Aforged%1B[2J"):
        shop.request("POST", path, headers={"x-forged": "\x1b[2J"}, content=b"{")
    shop.post("/shop/v1/events", json={"event-type": FORGED, "event-type-version": "v1", "data": {}})
    httpx.get(house.running.listeners["gateway"] + "/no%0A%1B[2J/such", trust_env=False)

    for name, line in records_of(house):
        assert not CONTROLS.search(line), (name, line)
        assert json.loads(line).get("event") != "forged", (name, line)
    shown = house.hub("events", "tail", "--since", "1h", "--count", "1000", "--no-follow")
    assert not CONTROLS.search(shown) and "forged" in shown
    assert not CONTROLS.search(house.hub("events", "show", "a\x1b[2J", status=1))
