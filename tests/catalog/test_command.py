"""`hub catalog list|show`: what people and programs see of the catalog."""

import asyncio
import json
from collections.abc import Iterator

import pytest
import structlog
from typer.testing import CliRunner, Result

from contracts import subjects
from contracts.catalog.v1 import EventTypeEntry, entry_key
from hub.catalog.store import ENTRIES
from hub.commands.catalog import app
from hub.kernel.broker import Bus, connect
from hub.kernel.state import Bucket
from hub.settings import HubSettings
from tests.conftest import wipe

ENTRY = EventTypeEntry(
    application="shop", service_id="1", type="order.created.v1", name="order.created", version="v1",
    summary="An [order]", data_schema={"type": "object"}, examples=({"code": "1"},), payload_check="reject",
)  # fmt: skip
OTHER = EventTypeEntry(application="desk", service_id="2", type="ticket.opened", name="ticket.opened")


async def fill(url: str, settings: HubSettings, entries: list[EventTypeEntry]) -> None:
    """Declare what is on the bus and write entries, as the catalog would."""
    from hub.kernel.layout import declare

    client = await connect([url], "tests")
    bus = Bus(client)
    await wipe(bus.js)
    await declare(bus.js, settings.kernel())
    bucket = Bucket(bus.js, subjects.EVENT_TYPES, ENTRIES)
    for entry in entries:
        await bucket.put(entry_key(entry.application, entry.type), entry)
    await client.close()


@pytest.fixture
def hub(nats_url: str, settings: HubSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliRunner]:
    """Return a command line that speaks with the test run's server, whose catalog holds two entries."""
    asyncio.run(fill(nats_url, settings, [ENTRY, OTHER]))
    monkeypatch.setenv("HUB_NATS__URL", nats_url)
    monkeypatch.setenv("HUB_DATA_DIR", str(settings.data_dir))
    logging_before = structlog.get_config()
    yield CliRunner()
    structlog.configure(**logging_before)  # a command silences its own process, which is the tests' here


def run(hub: CliRunner, *arguments: str) -> Result:
    return hub.invoke(app, list(arguments))


def test_the_list_shows_every_event_type_by_application(hub: CliRunner) -> None:
    """People see who offers what; brackets in a summary are no mark-up."""
    lines = run(hub, "list").stdout.splitlines()
    assert [line.split()[:4] for line in lines[1:]] == [
        ["desk", "ticket.opened", "no", "-"], ["shop", "order.created.v1", "yes", "reject"]
    ]
    assert lines[2].rstrip().endswith("An [order]")


def test_the_list_of_one_application_is_json_for_programs(hub: CliRunner) -> None:
    """Programs get whole entries."""
    assert json.loads(run(hub, "list", "shop", "-o", "json").stdout) == [ENTRY.model_dump(mode="json")]


def test_an_empty_list_says_what_to_do(hub: CliRunner) -> None:
    """Nothing is no error."""
    result = run(hub, "list", "moon")
    assert (result.exit_code, "register a Service" in result.stdout) == (0, True)


def test_one_event_type_is_shown_with_schema_and_examples(hub: CliRunner) -> None:
    """A developer sees what to send or expect."""
    assert run(hub, "show", "order.created.v1").stdout.splitlines() == [
        "order.created.v1: An [order]",
        "  offered by  shop (Service 1)",
        "  check       reject",
        "  schema",
        "    {",
        '      "type": "object"',
        "    }",
        "  example",
        "    {",
        '      "code": "1"',
        "    }",
    ]
    assert json.loads(run(hub, "show", "ticket.opened", "-o", "json").stdout) == [OTHER.model_dump(mode="json")]


def test_an_unknown_event_type_is_one_line_and_exit_status_one(hub: CliRunner) -> None:
    """A refusal is no traceback."""
    result = run(hub, "show", "moon.landed.v1")
    assert (result.exit_code, result.stderr) == (
        1, "hub: No Application offers 'moon.landed.v1'; see `hub catalog list`.\n"
    )
