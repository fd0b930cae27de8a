"""`hub catalog list|show`: what people and programs see of the catalog."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from contracts import subjects
from contracts.catalog.findings import RefusedSpec, UnknownType
from contracts.catalog.v1 import EventTypeEntry, entry_key
from hub.catalog.store import ENTRIES, FINDINGS
from hub.commands.catalog import app
from hub.kernel.broker import Bus, connect
from hub.kernel.resource import RESOURCES, Resource
from hub.kernel.state import Bucket
from hub.settings import HubSettings
from tests.conftest import wipe

ENTRY = EventTypeEntry(
    application="shop", service_id="1", type="order.created.v1", name="order.created", version="v1",
    summary="An [order]", data_schema={"type": "object", "properties": {"code": {"type": "string"}}},
    examples=({"code": "1"},), payload_check="reject", owner="Sales", spec_version="1.2.0",
)  # fmt: skip
OTHER = EventTypeEntry(application="desk", service_id="2", type="ticket.opened", name="ticket.opened")
SECOND = EventTypeEntry(application="shop", service_id="1", type="order.created.v2", name="order.created", version="v2")
NOW = datetime.now(UTC).replace(microsecond=0)
UNKNOWN = UnknownType(application="shop", type="order.lost.v1", count=7, first=NOW, last=NOW - timedelta(hours=3))
LATE = UnknownType(application="shop", type="order.created.v1", count=99, first=NOW, last=NOW)
REFUSED = RefusedSpec(application="shop", service_id="9", detail="It is not JSON.", since=NOW)
WISH = Resource(
    api_version="eventing.kyma-project.io/v1alpha2", kind="Subscription", name="codes", scope="default",
    spec={"source": "shop", "types": ["order.created.v1"], "sink": "http://127.0.0.1:1/",
          "filters": [{"not": {"data": {"/code": {"prefix": "x"}}}}]},
)  # fmt: skip


async def fill(url: str, settings: HubSettings, entries: list[EventTypeEntry]) -> None:
    """Declare what is on the bus and write entries, as the catalog would."""
    from hub.layout import declare

    client = await connect([url], "tests")
    bus = Bus(client)
    await wipe(bus.js)
    await declare(bus.js, settings.kernel())
    bucket = Bucket(bus.js, subjects.EVENT_TYPES, ENTRIES)
    for entry in entries:
        await bucket.put(entry_key(entry.application, entry.type), entry)
    for finding in (UNKNOWN, LATE, REFUSED):
        await Bucket(bus.js, subjects.CATALOG_FINDINGS, FINDINGS).put(finding.key, finding)
    await Bucket(bus.js, subjects.SUBSCRIPTIONS, RESOURCES).put(WISH.key, WISH)
    await client.close()


@pytest.fixture
def hub(nats_url: str, settings: HubSettings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Return a command line that speaks with the test run's server, whose catalog holds some entries."""
    asyncio.run(fill(nats_url, settings, [ENTRY, OTHER, SECOND]))
    monkeypatch.setenv("HUB_NATS__URL", nats_url)
    monkeypatch.setenv("HUB_DATA_DIR", str(settings.data_dir))
    return CliRunner()


def run(hub: CliRunner, *arguments: str) -> Result:
    return hub.invoke(app, list(arguments))


def test_the_list_shows_every_event_type_by_application(hub: CliRunner) -> None:
    """People see who offers what and how many want it; brackets in a summary are no mark-up."""
    lines = run(hub, "list").stdout.splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["APPLICATION", "TYPE", "SCHEMA", "CHECK", "WANTED", "BY", "OWNER", "SUMMARY"],
        ["desk", "ticket.opened", "no", "-", "0", "-"],
        ["shop", "order.created.v1", "yes", "reject", "1", "Sales", "An", "[order]"],
        ["shop", "order.created.v2", "no", "-", "0", "-"],
    ]


def test_the_list_ends_with_what_is_posted_but_unknown_and_what_cannot_be_read(hub: CliRunner) -> None:
    """What somebody should look into stands below the table."""
    lines = run(hub, "list", "shop").stdout.splitlines()
    assert ["shop", "order.lost.v1", "7", "3", "h", "ago"] in [line.split() for line in lines]
    assert ["shop", "9", "It", "is", "not", "JSON."] in [line.split() for line in lines]
    assert "order.lost.v1" not in run(hub, "list", "desk").stdout


def test_the_list_of_one_application_is_json_for_programs(hub: CliRunner) -> None:
    """Programs get whole entries, and what the catalog found out."""
    document = json.loads(run(hub, "list", "shop", "-o", "json").stdout)
    assert document["types"] == [ENTRY.model_dump(mode="json"), SECOND.model_dump(mode="json")]
    assert [(each["type"], each["count"]) for each in document["unknown"]] == [("order.lost.v1", 7)]
    assert [each["detail"] for each in document["refused"]] == ["It is not JSON."]


def test_an_empty_list_says_what_to_do(hub: CliRunner) -> None:
    """Nothing is no error."""
    result = run(hub, "list", "moon")
    assert (result.exit_code, "register a Service" in result.stdout) == (0, True)


def test_one_event_type_is_shown_with_schema_and_examples(hub: CliRunner) -> None:
    """A developer sees what to send or expect, whom to ask and who listens."""
    lines = run(hub, "show", "order.created.v1").stdout.splitlines()
    assert lines[:8] == [
        "order.created.v1: An [order]",
        "  offered by  shop (Service 1, specification 1.2.0)",
        "  owner       Sales",
        "  versions    v1, v2",
        "  check       reject",
        "  wanted by   default/codes",
        "  schema",
        "    {",
    ]
    assert lines[-4:] == ["  example", "    {", '      "code": "1"', "    }"]
    assert json.loads(run(hub, "show", "ticket.opened", "-o", "json").stdout) == [OTHER.model_dump(mode="json")]


def test_every_version_is_shown_by_the_name_without_one(hub: CliRunner) -> None:
    """Who does not know the versions finds them; a type that says nothing is checked as ingress is set."""
    shown = run(hub, "show", "order.created").stdout
    assert [line for line in shown.splitlines() if "check" in line] == [
        "  check       reject", "  check       warn (as ingress is set)"
    ]


def test_an_unknown_event_type_is_one_line_and_exit_status_one(hub: CliRunner) -> None:
    """A refusal is no traceback."""
    result = run(hub, "show", "moon.landed.v1")
    assert (result.exit_code, result.stderr) == (
        1, "hub: 'moon.landed.v1' is offered by no Application; see `hub catalog list`.\n"
    )
    assert "is posted, but no Application offers it" in run(hub, "show", "order.lost.v1").stderr


def specification(tmp_path: Path, **schemas: Any) -> str:
    """Write an AsyncAPI document with event types, `_` standing for a dot, and return its path."""
    channels = {
        name.replace("_", "."): {"subscribe": {"message": {"payload": schema}}} for name, schema in schemas.items()
    }
    file = tmp_path / "new.json"
    file.write_text(json.dumps({"asyncapi": "2.6.0", "channels": channels}))
    return str(file)


def test_a_new_version_that_only_adds_is_compatible(hub: CliRunner, tmp_path: Path) -> None:
    """Exit status 0: a pipeline may go on."""
    schema = {"type": "object", "properties": {"code": {"type": "string"}, "note": {"type": "string"}}}
    file = specification(tmp_path, order_created_v1=schema, order_created_v2={}, order_paid_v1={})
    result = run(hub, "check", file)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "compatible, in the place of Service 1 of shop")
    assert "  added      order.paid.v1" in result.stdout


def test_a_new_version_that_takes_something_away_names_whom_it_breaks(hub: CliRunner, tmp_path: Path) -> None:
    """Exit status 1, with the field and the Subscription that filters on it."""
    file = specification(tmp_path, order_created_v1={"type": "object"}, order_created_v2={})
    result = run(hub, "check", file, "-o", "json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["compatible"]) == (1, False)
    assert document["types"][0]["changes"] == [{"effect": "breaking", "pointer": "/code", "text": "the field is gone"}]
    assert document["subscriptions"] == [
        {"subscription": "default/codes", "type": "order.created.v1", "effect": "broken",
         "reason": "it filters on /code: the field is gone"}
    ]  # fmt: skip
    assert "broken   default/codes  order.created.v1" in run(hub, "check", file).stdout


def test_a_removed_event_type_breaks_who_wants_it(hub: CliRunner, tmp_path: Path) -> None:
    """Taking the type away is as bad as changing it."""
    result = run(hub, "check", specification(tmp_path, order_created_v2={}))
    assert result.exit_code == 1
    assert "broken   default/codes  order.created.v1: the event type is gone" in result.stdout


def test_a_yaml_file_is_read_as_well(hub: CliRunner, tmp_path: Path) -> None:
    """AsyncAPI is mostly written in YAML."""
    file = tmp_path / "new.yaml"
    file.write_text("asyncapi: 1.0.0\ntopics:\n  ticket.opened: {subscribe: {summary: since 2024-01-01}}\n")
    assert run(hub, "check", str(file)).stdout.startswith("compatible, in the place of Service 2 of desk")


@pytest.mark.parametrize(
    ("text", "arguments", "says"),
    [
        ("{", [], "is not JSON"),
        ("a: [", [], "neither JSON nor YAML"),
        ('{"asyncapi": "1.0.0", "topics": {"x.v1": {"subscribe": {}}}}', [], "with --app: no Application offers"),
        ('{"asyncapi": "7.0.0"}', ["--app", "shop"], "use 1.x, 2.x or 3.x"),
        (None, [], "cannot be read: No such file"),
    ],
    ids=["no JSON", "no YAML", "whose", "version", "no file"],
)
def test_what_cannot_be_judged_is_one_line_and_exit_status_one(
    hub: CliRunner, tmp_path: Path, text: str | None, arguments: list[str], says: str
) -> None:
    """A refusal is no traceback."""
    file = tmp_path / "new.txt"
    if text is not None:
        file.write_text(text)
    result = run(hub, "check", str(file), *arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert says in result.stderr
