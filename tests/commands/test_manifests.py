"""Reading manifests: several documents, placeholders, what YAML allows and no manifest means."""

from pathlib import Path

import pytest

from hub.commands.manifests import Manifest, read_manifests, read_text
from hub.kernel.errors import InvalidInput


def read(text: str) -> list[Manifest]:
    """Return the documents of a text."""
    return list(read_text("shop.yaml", text))


def test_documents_are_counted_and_empty_ones_passed_over() -> None:
    """Every document carries its file and its number; what holds nothing is no document."""
    found = read("kind: A\n---\n---\n# nothing\n---\nkind: B\n")

    assert [
        (each.place, each.document) for each in found
    ] == [("shop.yaml, document 1", {"kind": "A"}), ("shop.yaml, document 4", {"kind": "B"})]


def test_a_list_is_its_items() -> None:
    """What `hub get -o json` writes can be read again."""
    assert [
        each.document for each in read("kind: List\nitems: [{kind: A}, {kind: B}]")
    ] == [{"kind": "A"}, {"kind": "B"}]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("metadata: {name: {{ .Values.name }}}", "metadata.name"),
        ("metadata:\n  name: <your-app>", "metadata.name"),
        ("spec:\n  env:\n  - value: ${HOST}", "spec.env[0].value"),
        ("metadata:\n  name: '{app}'", "metadata.name"),
    ],
    ids=["chart", "angle brackets", "shell", "braces"],
)
def test_a_placeholder_is_refused_with_the_path_of_its_field(text: str, field: str) -> None:
    """A value nobody filled in is told by its path and never ends in a traceback."""
    problem = read(text)[0].problem

    assert problem is not None
    assert problem.fields["field"] == field


def test_texts_that_only_look_like_placeholders_are_kept() -> None:
    """Sources, data and descriptions may hold whatever they hold."""
    document = {"data": {"page": "<br>"}, "spec": {"source": {"inline": {"source": "{x}"}}, "description": "<none>"}}

    assert read(str(document))[0].document == document


def test_a_broken_document_does_not_hide_those_before_it() -> None:
    """The documents before a syntax error are read; the error names its line."""
    first, second = read("kind: A\n---\nkind: [\n")

    assert first.document == {"kind": "A"}
    assert second.problem is not None
    assert "line" in second.problem.detail


def test_a_field_that_stands_there_twice_is_refused() -> None:
    """Of two equal keys neither is taken silently."""
    problem = read("spec:\n  types: [a]\n  types: [b]\n")[0].problem

    assert problem is not None
    assert problem.fields["field"] == "spec.types"


def test_dates_and_words_stay_texts_where_json_has_no_such_type() -> None:
    """A date is a text, a key is a text whatever it looks like, and merge keys work."""
    found = read("a: 2020-01-01\non: 1\n1: x\nbase: &b {c: 1}\nd: {<<: *b, e: 2}")[0].document

    assert found == {"a": "2020-01-01", "on": 1, "1": "x", "base": {"c": 1}, "d": {"c": 1, "e": 2}}


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        BOMB,
        "[" * 500 + "]" * 500,
        "a: !!binary aGk=",
        "a: !!python/object:os.system x",
        "a: 1" + "0" * 30,
    ],
    ids=["refers to itself", "bomb", "deep", "binary", "object", "number too large"],
)
def test_what_no_manifest_means_is_refused(text: str) -> None:
    """A document that refers to itself, explodes or holds foreign objects is one refused document."""
    assert read(text)[0].problem is not None


def test_a_folder_is_read_in_order(tmp_path: Path) -> None:
    """All manifests of a folder are read by name; other files are not."""
    for name in ("b.yml", "a.yaml", "c.json", "notes.txt"):
        (tmp_path / name).write_text(f'{{"kind": "{name}"}}')

    assert [each.document["kind"] for each in read_manifests([str(tmp_path)])] == ["a.yaml", "b.yml", "c.json"]


def test_what_is_not_there_is_refused_with_its_name(tmp_path: Path) -> None:
    """A missing file and an empty folder are told, not passed over."""
    with pytest.raises(InvalidInput, match=r"missing\.yaml cannot be read"):
        read_manifests([str(tmp_path / "missing.yaml")])
    with pytest.raises(InvalidInput, match="no document"):
        read_manifests([str(tmp_path)])
