"""`hub apply|get|delete|explain` against a running registry."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from contracts import subjects
from contracts.catalog.v1 import EventTypeEntry, entry_key
from contracts.certificate.v1 import CertificateIssued, CertificateRevoked
from contracts.envelope import Contract
from hub.commands import applying, resources, showing
from hub.commands.manifests import Manifest, read_text
from hub.commands.observing import LOOKED_UP, observed
from hub.kernel import messages
from hub.kernel.clock import SystemClock
from hub.kernel.errors import InvalidField, InvalidInput, RevisionConflict
from hub.kernel.resource import Kind, Resource
from hub.registry.kinds import APPLICATION, CONFIG_MAP, KINDS, SECRET
from tests.registry.conftest import API_VERSION, Registry

MIXED = f"""
apiVersion: {API_VERSION}
kind: Application
metadata: {{name: mill}}
spec: {{description: Mill}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
---
apiVersion: {API_VERSION}
kind: Application
metadata: {{name: broken}}
spec: {{services: [{{entris: []}}]}}
---
apiVersion: v1
kind: Secret
metadata: {{name: <name>}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings}}
data: {{a: b}}
"""


def manifests(text: str = MIXED) -> list[Manifest]:
    """Return the documents of a file."""
    return list(read_text("all.yaml", text))


async def apply(registry: Registry, text: str = MIXED, *, strict: bool = False, scope: str = "default") -> list[Any]:
    """Apply a file."""
    return await applying.apply_manifests(registry.session, KINDS, manifests(text), scope=scope, strict=strict)


async def shown(registry: Registry, kind: Kind, name: str | None = None, scope: str | None = None) -> list[Resource]:
    """Return what `hub get` shows of a kind."""
    return showing.selected(kind, await registry.session.resources(kind.plural), name, scope)


async def test_each_document_is_reported_and_wrong_ones_hold_nobody_up(
    registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    """What can be applied is applied; skipped and refused documents are named with place and reason, exit status 1."""
    rows = await apply(registry)
    capsys.readouterr()  # what the worker logged
    status = applying.report(rows, "text")

    lines = capsys.readouterr().out.splitlines()
    assert status == 1
    assert lines[0] == "application/mill created"
    assert lines[1].startswith("deployment/web skipped (all.yaml, document 2): ")
    assert lines[2].startswith(
        "application/broken refused (all.yaml, document 3): spec.services[0].entris is not a field"
    )
    assert lines[3].startswith("document/? refused (all.yaml, document 4): metadata.name holds a placeholder")
    assert lines[4] == "configmap/settings created"
    assert [each.name for each in await shown(registry, APPLICATION)] == ["mill", "shop"]


async def test_applying_again_changes_nothing(registry: Registry) -> None:
    """The outcome says whether anything changed; a change counts the generation up."""
    text = f"apiVersion: {API_VERSION}\nkind: Application\nmetadata: {{name: mill}}\nspec: {{description: A}}"
    outcomes = [(await apply(registry, each))[0]["outcome"] for each in (text, text, text.replace("A}", "B}"))]

    assert outcomes == ["created", "unchanged", "configured"]
    assert (await registry.stored("mill")).generation == 2


async def test_strict_applies_all_or_nothing(registry: Registry) -> None:
    """With a refused or skipped document nothing is applied at all; without one everything is."""
    rows = await apply(registry, strict=True)
    assert [row["outcome"] for row in rows] == ["not applied", "skipped", "refused", "refused", "not applied"]
    assert applying.report(rows, "json") == 1
    assert [each.name for each in await shown(registry, APPLICATION)] == ["shop"]

    rows = await apply(registry, MIXED.split("---", maxsplit=1)[0], strict=True)
    assert [row["outcome"] for row in rows] == ["created"]


async def test_the_scope_is_the_documents_or_the_one_given(registry: Registry) -> None:
    """`metadata.namespace` wins over --scope; kinds of the whole cluster have none."""
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\ndata: {}"
    rows = await apply(registry, text.replace("NAME", "one"), scope="orders")
    rows += await apply(registry, text.replace("NAME", "two, namespace: mine"), scope="orders")

    assert [row["scope"] for row in rows] == ["orders", "mine"]
    assert [each.name for each in await shown(registry, CONFIG_MAP, scope="mine")] == ["two"]


async def test_shown_yaml_can_be_applied_again(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    """What `hub get -o yaml` and `-o json` write is a manifest that changes nothing."""
    await apply(registry)
    for kind, count in ((APPLICATION, 2), (CONFIG_MAP, 1)):
        for output in ("yaml", "json"):
            found = await shown(registry, kind)
            capsys.readouterr()
            showing.show(kind, found, output, single=False)
            rows = await apply(registry, capsys.readouterr().out)
            assert [row["outcome"] for row in rows] == ["unchanged"] * count


async def test_kinds_without_spec_have_their_fields_at_the_top(
    registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    """Secrets and ConfigMaps are shown as Kubernetes writes them; a Secret without its values."""
    await apply(registry, "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: v4lue}")
    found = await shown(registry, SECRET, "s")
    capsys.readouterr()
    showing.show(SECRET, found, "yaml", single=True)

    document = yaml.safe_load(capsys.readouterr().out)
    assert (document["type"], document["data"]) == ("Opaque", {"a": "<sealed>"})
    assert "spec" not in document


async def test_a_table_has_the_columns_of_the_kind(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    """People get a table; an empty one says so."""
    showing.show(APPLICATION, await shown(registry, APPLICATION), "table", single=False)
    showing.show(CONFIG_MAP, [], "table", single=False)

    header, row, nothing = capsys.readouterr().out.splitlines()
    titles = ["Name", "Services", "Event types", "Last event", "Certificate until", "Problems", "Created"]
    assert header.split("  ")[0] == "Name"
    assert " ".join(header.split()) == " ".join(titles)
    assert row.split()[:3] == ["shop", "0", "none"]
    assert nothing == "There are no configmaps."


async def test_manifests_name_what_is_deleted(registry: Registry) -> None:
    """`hub delete -f` removes what the documents name; what is not there is refused, the rest removed."""
    await apply(registry)
    rows = await applying.delete_manifests(registry.session, KINDS, manifests(), "default")

    outcomes = {(row["kind"], row["name"]): row["outcome"] for row in rows}
    assert outcomes[("Application", "mill")] == outcomes[("ConfigMap", "settings")] == "deleted"
    assert outcomes[("Application", "broken")] == "refused"
    assert [each.name for each in await shown(registry, APPLICATION)] == ["shop"]


@pytest.fixture
def hub() -> Callable[..., Any]:
    """Return a function that runs the command line."""
    app = typer.Typer()
    resources.register(app)
    return lambda *arguments, **options: CliRunner().invoke(app, list(arguments), **options)


def test_every_command_explains_itself(hub: Callable[..., Any]) -> None:
    """`--help` of each command shows an example."""
    for command in ("apply", "get", "delete", "explain"):
        result = hub(command, "--help")
        assert result.exit_code == 0
        assert "Example: hub" in result.output


@pytest.mark.parametrize("arguments", [("apply",), ("delete",), ("delete", "application"), ("get", "app", "-o", "xml")])
def test_wrong_usage_is_exit_status_2(hub: Callable[..., Any], arguments: tuple[str, ...]) -> None:
    """Missing or impossible arguments are told apart from a refusal."""
    assert hub(*arguments).exit_code == 2


def test_a_missing_file_is_one_line(hub: Callable[..., Any], tmp_path: Path) -> None:
    """What is refused before the hub is asked is one line as well, exit status 1."""
    result = hub("apply", "-f", str(tmp_path / "none.yaml"))

    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)


def test_a_kind_is_explained_with_its_fields() -> None:
    """Every field of an Application has a meaning."""
    assert all(APPLICATION.fields.values())
    assert "spec.services[].entries[].credentials.csrfInfo.tokenEndpointURL" in APPLICATION.fields


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_kinds_are_explained_to_people_and_programs(kind: Kind, capsys: pytest.CaptureFixture[str]) -> None:
    """The explanation names kind, versions and fields, as text and as JSON."""
    showing.show_kind(kind, "json")
    told = json.loads(capsys.readouterr().out)
    showing.show_kind(kind, "text")
    text = capsys.readouterr().out

    assert told["fields"] == dict(kind.fields)
    assert all(path in text for path in told["fields"])


async def test_of_an_application_is_shown_what_others_know(registry: Registry) -> None:
    """Event types come from the catalog, the last event from the stream, certificates from the connector's events."""
    entry = EventTypeEntry(application="shop", service_id="1", type="order.v1", name="order")
    await registry.bus.js.publish(f"$KV.{subjects.EVENT_TYPES}.{entry_key('shop', 'order.v1')}", entry.encode())
    await registry.bus.js.publish(subjects.event("shop", "order.v1"), b"{}")
    ends = datetime(2999, 5, 6, tzinfo=UTC)
    certificate = {"application": "shop", "subject": "CN=shop", "serial": "1", "not_after": ends}
    for fingerprint in ("a" * 64, "b" * 64):
        await said(registry, CertificateIssued(**certificate, fingerprint=fingerprint))
    await said(registry, CertificateRevoked(application="shop", fingerprint="a" * 64))
    kept = [{"fingerprint": "a" * 64, "revoked": True}, {"fingerprint": "b" * 64, "notAfter": "2999-05-06T00:00:00Z"}]
    async with asyncio.timeout(30):  # three kinds of event, heard of in any order
        while sorted((await registry.stored()).status.get("certificates", []), key=str) != kept:
            await asyncio.sleep(0.01)

    (found,) = await observed(registry.session, APPLICATION, await shown(registry, APPLICATION, "shop"))

    cells = {column.title: column.fill(found) for column in APPLICATION.columns}
    assert (cells["Event types"], cells["Certificate until"]) == ("1", "2999-05-06")
    assert cells["Last event"].startswith(str(datetime.now(UTC).year))


async def test_of_many_applications_only_the_stored_is_shown(registry: Registry) -> None:
    """A long list is not held up by one question per Application; a cell that was not asked for is empty."""
    many = await shown(registry, APPLICATION) * (LOOKED_UP + 1)
    assert await observed(registry.session, APPLICATION, many) == many
    assert [column.fill(many[0]) for column in APPLICATION.columns if column.title == "Last event"] == [""]


async def said(registry: Registry, event: Contract) -> None:
    """Tell the workers something as another worker would."""
    await messages.publish(registry.bus, SystemClock(), "connector", event)


async def test_of_changes_to_the_same_version_one_wins(registry: Registry) -> None:
    """A document that says which version it changes is refused when somebody was faster, with what to do."""
    (before,) = await shown(registry, APPLICATION, "shop")
    document = before.to_document()
    answers = await asyncio.gather(
        *(registry.apply(document | {"spec": {"description": str(number)}}) for number in range(4)),
        return_exceptions=True,
    )

    refused = [each for each in answers if isinstance(each, RevisionConflict)]
    assert (len(refused), len([each for each in answers if isinstance(each, dict)])) == (3, 1)
    assert refused[0].fields["field"] == "metadata.resourceVersion"
    del document["metadata"]["resourceVersion"]
    await asyncio.gather(*(registry.apply(document | {"spec": {"description": str(n)}}) for n in range(4)))


@pytest.mark.parametrize("version", ["x", "-1", "1.5", "²"])
async def test_a_version_that_is_none_is_refused(registry: Registry, version: str) -> None:
    """What is no revision is told by its path."""
    document = (await registry.stored()).to_document()
    document["metadata"]["resourceVersion"] = version
    with pytest.raises(InvalidField, match=r"metadata\.resourceVersion"):
        await registry.apply(document)


@pytest.mark.parametrize("name", ["", "*", ">", "../shop", "shop/../mill", "a b", "Shop", "x" * 254, None, 7])
async def test_what_is_no_name_cannot_be_deleted(registry: Registry, name: Any) -> None:
    """No name becomes a wildcard, a path or a failure of the store."""
    for request in ({"name": name}, {"name": "s", "scope": name or "*"}):
        with pytest.raises(InvalidInput):
            await registry.session.ask("secrets", "delete", request)
    assert (await registry.stored()).name == "shop"
