"""`hub apply|get|delete|explain`: resources, as Kubernetes writes them.

Each document is judged by the worker that owns its kind; this module asks and reports, one line per document.
"""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from hub.commands.session import Session

Files = Annotated[
    list[str] | None, typer.Option("--file", "-f", help="File, folder, or '-' for standard input; may be repeated.")
]
Scope = Annotated[str | None, typer.Option("--scope", "-n", help="Kyma's namespace; 'default' when not said.")]
Report = Annotated[Literal["text", "json"], typer.Option("--output", "-o", help="Lines for people, JSON for programs.")]
Strict = Annotated[bool, typer.Option("--strict", help="Apply nothing when any document would be refused or skipped.")]
Shown = Annotated[
    Literal["table", "yaml", "json"],
    typer.Option("--output", "-o", help="Table for people; YAML can be applied again."),
]
KindWord = Annotated[str, typer.Argument(help="Kind, its plural or short name: application, app, subscriptions …")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: hub apply -f shop.yaml --scope orders")(apply)
    app.command(epilog="Example: hub get applications -o yaml")(get)
    app.command(epilog="Example: hub delete application shop")(delete)
    app.command(epilog="Example: hub explain application")(explain)


def apply(file: Files = None, scope: Scope = None, strict: Strict = False, output: Report = "text") -> None:
    """Create or change resources from manifests; Kyma YAML is taken as it is.

    One line per document says what became of it. Kinds the hub has no use for are skipped with the reason; a refused
    document stores nothing of itself and the others are applied. Exit status 1 when any was refused.
    """
    from hub.commands.applying import apply_manifests, need_files, report
    from hub.commands.manifests import read_manifests
    from hub.commands.session import call, refusals_as_exit
    from hub.house import kinds

    with refusals_as_exit():
        manifests = read_manifests(need_files(file))
    rows = call(lambda session: apply_manifests(session, kinds(), manifests, scope=scope or "default", strict=strict))
    raise typer.Exit(report(rows, output))


def get(
    kind: KindWord,
    name: Annotated[str | None, typer.Argument(help="Only this one.")] = None,
    output: Annotated[
        Literal["table", "yaml", "json"],
        typer.Option("--output", "-o", help="Table for people; YAML can be applied again."),
    ] = "table",
    scope: Annotated[str | None, typer.Option("--scope", "-n", help="Only this namespace; all when not said.")] = None,
) -> None:
    """Show resources of a kind. Values of Secrets are never shown."""
    from hub.commands.observing import observed
    from hub.commands.selection import kind_named
    from hub.commands.session import call, refusals_as_exit
    from hub.commands.showing import selected, show
    from hub.house import each_kind

    with refusals_as_exit():
        found = kind_named(each_kind(), kind)

    async def read(session: "Session") -> None:
        chosen = selected(found, await session.resources(found.plural), name, scope)
        show(found, await observed(session, found, chosen), output, single=name is not None)

    call(read)


def delete(
    kind: Annotated[str | None, typer.Argument(help="Kind, its plural or short name.")] = None,
    name: Annotated[str | None, typer.Argument(help="Name of the resource.")] = None,
    file: Files = None,
    scope: Scope = None,
    output: Report = "text",
) -> None:
    """Delete one resource, or every resource that manifests name."""
    from hub.commands.applying import delete_manifests, delete_one, need_files, report
    from hub.commands.manifests import read_manifests
    from hub.commands.selection import kind_named
    from hub.commands.session import call, refusals_as_exit
    from hub.house import each_kind, kinds

    where = scope or "default"
    if kind is not None and name is not None and not file:
        with refusals_as_exit():
            found = kind_named(each_kind(), kind)
        one = name
        rows = [call(lambda session: delete_one(session, found, one, where))]
    elif kind is None:
        with refusals_as_exit():
            manifests = read_manifests(need_files(file))
        rows = call(lambda session: delete_manifests(session, kinds(), manifests, where))
    else:
        raise typer.BadParameter("Give a kind and a name, or files with -f.")
    raise typer.Exit(report(rows, output))


def explain(kind: KindWord, output: Report = "text") -> None:
    """Describe a kind: what it is for and what each of its fields means."""
    from hub.commands.selection import kind_named
    from hub.commands.session import refusals_as_exit
    from hub.commands.showing import show_kind
    from hub.house import each_kind

    with refusals_as_exit():
        show_kind(kind_named(each_kind(), kind), output)
