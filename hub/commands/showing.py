"""Shows resources and kinds: tables for people, YAML that can be applied again, JSON for programs."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from unicodedata import combining, east_asian_width

from hub.commands.escaping import visible
from hub.commands.session import say, say_json
from hub.kernel.errors import NotFound
from hub.kernel.resource import Kind, Resource

if TYPE_CHECKING:
    from rich.console import Console


def selected(kind: Kind, found: Sequence[Resource], name: str | None, scope: str | None) -> list[Resource]:
    """Return the resources that were asked for, without what must not be shown.

    Raises:
        NotFound: one was named and is not there.
    """
    chosen = [each for each in found if name in (None, each.name) and (not kind.scoped or scope in (None, each.scope))]
    if name is not None and not chosen:
        where = f" in scope '{scope}'" if scope and kind.scoped else ""
        raise NotFound(f"{kind.kind} '{name}' does not exist{where}.", name=name)
    return [kind.conceal(each) for each in chosen] if kind.conceal else chosen


def show(kind: Kind, resources: Sequence[Resource], output: str, *, single: bool) -> None:
    """Write resources to standard output."""
    documents = [document_of(kind, resource) for resource in resources]
    if output == "json":
        say_json(documents[0] if single and len(documents) == 1 else _list(documents))
    elif output == "yaml":
        import yaml

        text = yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=120)
        # A file keeps every letter, for it is applied again.
        sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
    elif not resources:
        say(f"There are no {kind.plural}.")
    else:
        titles, *rows = lines_of(kind, resources)
        sys.stdout.write(f"\x1b[1m{titles}\x1b[0m\n" if sys.stdout.isatty() else f"{titles}\n")
        for row in rows:
            say(row)


def document_of(kind: Kind, resource: Resource) -> dict[str, Any]:
    """Return a resource as Kubernetes writes it; kinds without `spec` have their fields at the top."""
    document = resource.to_document()
    if not kind.fields or any(path.split(".")[0] == "spec" for path in kind.fields):
        return document
    spec: dict[str, Any] = document.pop("spec")
    return document | spec


def _list(documents: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": documents}


def lines_of(kind: Kind, resources: Sequence[Resource]) -> Iterator[str]:
    """Return the table of a kind: name, scope where there is one, and the kind's own columns; the titles first.

    Lists can be long, so the lines are made by hand: a layout engine costs a second per thousand of them.
    """
    titles = ["Name", *(["Scope"] if kind.scoped else []), *(column.title for column in kind.columns)]
    rows = [titles, *(_row(kind, each) for each in resources)]
    widths = [max(map(_width, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _row(kind: Kind, resource: Resource) -> list[str]:
    scope = [resource.scope] if kind.scoped else []
    return [resource.name, *scope, *(visible(" ".join(column.fill(resource).split())) for column in kind.columns)]


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(letter) in "WF" else not combining(letter) for letter in text)


def show_kind(kind: Kind, output: str) -> None:
    """Write what a kind is and what its fields mean."""
    if output == "json":
        say_json(
            {
                "kind": kind.kind,
                "plural": kind.plural,
                "shortNames": kind.short_names,
                "apiVersions": kind.api_versions,
                "scoped": kind.scoped,
                "description": kind.description,
                "fields": dict(kind.fields),
            }
        )
        return
    say(f"{kind.kind} ({', '.join([kind.plural, *kind.short_names])}) {' '.join(kind.api_versions)}")
    say(kind.description)
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Field", no_wrap=True)
    table.add_column("Meaning")
    for path, meaning in kind.fields.items():
        table.add_row(path, meaning)
    _console().print(table)


def _console() -> "Console":
    """Return a console that does not break long lines when they go to a file or a pipe."""
    from rich.console import Console

    console = Console(markup=False, highlight=False)
    return console if console.is_terminal else Console(markup=False, highlight=False, width=400)
