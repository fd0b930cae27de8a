"""`hub catalog quarantine list|show|release|drop`: events kept aside because their data breaks the schema."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from hub.commands.session import Session

app = typer.Typer(no_args_is_help=True, help="Events kept aside because their data breaks the schema of their type.")

Sequences = Annotated[list[int] | None, typer.Argument(help="Positions, as the list shows them.", metavar="SEQUENCE")]
All = Annotated[bool, typer.Option("--all", help="All of them, or all that --app and --type choose.")]
Application = Annotated[str | None, typer.Option("--app", help="Only this Application's.")]
Type = Annotated[str | None, typer.Option("--type", help="Only of this event type.")]
Output = Annotated[
    Literal["table", "json"], typer.Option("--output", "-o", help="Lines for people, JSON for programs.")
]


@app.command("list", epilog="Example: hub catalog quarantine list --app shop")
def list_events(application: Application = None, type_: Type = None, output: Output = "table") -> None:
    """List the events, oldest first, with what is wrong with each."""
    from hub.commands.catalogview import print_table
    from hub.commands.session import call, say, say_json

    items = call(lambda session: _all_items(session, {"application": application, "type": type_}))
    if output == "json":
        say_json(items)
    elif not items:
        say("No event is kept aside.")
    else:
        names = ("sequence", "application", "type", "id", "stored", "violation")
        rows = [tuple(str(item[name]) for name in names) for item in items]
        print_table(tuple(name.upper() for name in names), rows)


@app.command(epilog="Example: hub catalog quarantine show 17")
def show(sequence: Annotated[int, typer.Argument(help="Position, as the list shows it.")]) -> None:
    """Show one event as JSON, with attributes and data."""
    from hub.commands.session import call, say_json

    say_json(call(lambda session: session.ask("quarantine", "show", {"sequences": [sequence]})))


@app.command(epilog="Example: hub catalog quarantine release --all --type order.created.v1")
def release(
    sequences: Sequences = None,
    every: All = False,
    application: Application = None,
    type_: Type = None,
    output: Output = "table",
) -> None:
    """Let events through: they are delivered like any other from here on."""
    _act("release", "released", _chosen(sequences, application, type_, every=every), output)


@app.command(epilog="Example: hub catalog quarantine drop 17 18")
def drop(
    sequences: Sequences = None,
    every: All = False,
    application: Application = None,
    type_: Type = None,
    output: Output = "table",
) -> None:
    """Remove events for good."""
    _act("drop", "dropped", _chosen(sequences, application, type_, every=every), output)


def _chosen(
    sequences: list[int] | None, application: str | None, event_type: str | None, *, every: bool
) -> dict[str, Any]:
    return {"sequences": sequences, "all": every, "application": application, "type": event_type}


async def _all_items(session: "Session", request: dict[str, Any]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    while True:
        after = items[-1]["sequence"] if items else 0
        answer = await session.ask("quarantine", "list", request | {"after": after})
        items += answer["items"]
        if not answer["more"]:
            return items


def _act(verb: str, done: str, request: dict[str, Any], output: str) -> None:
    from hub.commands.moments import caller
    from hub.commands.session import call, say, say_json

    request |= {"by": caller()}

    async def act(session: "Session") -> int:
        count: int = 0
        while True:
            answer = await session.ask("quarantine", verb, request)
            count += int(answer[done])
            if not answer["more"] or request["sequences"]:
                return count

    count = call(act)
    if output == "json":
        say_json({done: count})
    else:
        say(f"{done} {count}")
