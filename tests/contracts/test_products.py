"""The committed products: equal to what the models say, byte for byte, and usable by others."""

import json
from pathlib import Path

from typer.testing import CliRunner

from contracts import CONTRACTS, products
from hub.commands.contracts import app

run = CliRunner()


def test_the_committed_products_are_what_the_models_say() -> None:
    """A changed model without `hub contracts write` does not pass."""
    assert products.check() == []


def test_writing_twice_changes_nothing_the_second_time(tmp_path: Path) -> None:
    """The products are stable byte for byte."""
    first = products.write(tmp_path)
    assert len(CONTRACTS) + 1 == len(first)
    assert products.write(tmp_path) == []


def test_a_product_that_no_model_makes_is_removed(tmp_path: Path) -> None:
    """A withdrawn contract leaves no schema behind."""
    products.write(tmp_path)
    stray = tmp_path / "schemas" / "hub.moon.v1.landed.json"
    stray.write_text("{}")
    assert [str(each) for each in products.check(tmp_path)] == ["schemas/hub.moon.v1.landed.json: unexpected"]
    assert products.write(tmp_path) == ["schemas/hub.moon.v1.landed.json"]
    assert not stray.exists()


def test_a_committed_file_that_is_no_json_is_a_difference(tmp_path: Path) -> None:
    """A merge conflict in a product is found, not tripped over."""
    products.write(tmp_path)
    path = "schemas/hub.event.v1.accepted.json"
    (tmp_path / path).write_text("<<<<<<<")
    assert [path] == [difference.path for difference in products.check(tmp_path)]


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    """The document stands alone: other languages need no second file."""
    document = json.loads((products.ROOT / "asyncapi.json").read_text())
    references: list[str] = []

    def collect(value: object) -> None:
        if isinstance(value, dict):
            references.extend([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
            value = list(value.values())
        for item in value if isinstance(value, list) else []:
            collect(item)

    collect(document)
    assert references
    for reference in references:
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_every_contract_has_a_channel_named_as_its_subject() -> None:
    """Whoever reads the document knows what to subscribe to."""
    channels = products.asyncapi()["channels"]
    assert {name: name for name in CONTRACTS} == {name: channel["address"] for name, channel in channels.items()}


def test_the_command_ends_with_one_when_products_differ(tmp_path: Path) -> None:
    """A build can rely on the exit status, a program on the JSON."""
    before = run.invoke(app, ["check", "--root", str(tmp_path)])
    written = run.invoke(app, ["write", "--root", str(tmp_path), "-o", "json"])
    after = run.invoke(app, ["check", "--root", str(tmp_path), "-o", "json"])
    assert [before.exit_code, written.exit_code, after.exit_code] == [1, 0, 0]
    assert "asyncapi.json: missing" in before.stderr
    assert len(CONTRACTS) + 2 == len(json.loads(written.stdout)["written"])
    assert json.loads(after.stdout) == {"differences": []}


def test_the_command_says_in_words_what_it_did(tmp_path: Path) -> None:
    """People read lines, each with the path."""
    written = run.invoke(app, ["write", "--root", str(tmp_path)])
    after = run.invoke(app, ["check", "--root", str(tmp_path)])
    assert "written: asyncapi.json" in written.stdout.splitlines()
    assert f"{len(CONTRACTS) + 2} products are up to date.\n" == after.stdout
