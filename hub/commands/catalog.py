"""`hub catalog list|show`: the event types that the Applications offer."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from contracts.catalog.v1 import EventTypeEntry
    from hub.commands.session import Session

app = typer.Typer(no_args_is_help=True, help="The event catalog: which event types there are, and what they hold.")

Output = Annotated[
    Literal["table", "json"], typer.Option("--output", "-o", help="Lines for people, JSON for programs.")
]


@app.command("list", epilog="Example: hub catalog list shop -o json")
def list_types(
    application: Annotated[str | None, typer.Argument(help="Only this Application's.", metavar="APP")] = None,
    output: Output = "table",
) -> None:
    """List the event types of every Application, or of one."""
    from hub.commands.session import call, say, say_json

    entries = [entry for entry in call(read_entries) if application in (None, entry.application)]
    if output == "json":
        say_json([entry.model_dump(mode="json") for entry in entries])
    elif entries:
        _print_table(entries)
    else:
        whose = f"'{application}'" if application else "any Application"
        say(f"The catalog holds no event type of {whose}; register a Service with an AsyncAPI document.")


@app.command(epilog="Example: hub catalog show order.created.v1")
def show(
    event_type: Annotated[str, typer.Argument(help="The versioned name, such as order.created.v1.", metavar="TYPE")],
    output: Output = "table",
) -> None:
    """Show one event type: who offers it, its schema and examples; exit status 1 when nobody does."""
    from hub.commands.session import call, say_json

    async def find(session: "Session") -> list["EventTypeEntry"]:
        from hub.kernel.errors import NotFound

        found = [entry for entry in await read_entries(session) if entry.type == event_type]
        if not found:
            raise NotFound(f"No Application offers '{event_type}'; see `hub catalog list`.")
        return found

    entries = call(find)
    if output == "json":
        say_json([entry.model_dump(mode="json") for entry in entries])
        return
    for entry in entries:
        _print_entry(entry)


async def read_entries(session: "Session") -> list["EventTypeEntry"]:
    """Return the whole catalog, sorted by Application and event type.

    Raises:
        UpstreamUnavailable: the event store does not answer.
    """
    from contracts import subjects
    from contracts.catalog.v1 import EventTypeEntry
    from hub.kernel.errors import UpstreamUnavailable
    from hub.kernel.state import Codec, View

    codec = Codec(EventTypeEntry.encode, lambda raw, _revision: EventTypeEntry.decode(raw))
    view = View(session.js, subjects.EVENT_TYPES, codec)
    view.start()
    try:
        await asyncio.wait_for(view.ready(), 10)
        return sorted((entry for _, entry in view.items()), key=lambda entry: (entry.application, entry.type))
    except TimeoutError as error:
        raise UpstreamUnavailable("The event catalog does not answer; is the hub up?") from error
    finally:
        await view.stop()


def _print_table(entries: list["EventTypeEntry"]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("APPLICATION", "TYPE", "SCHEMA", "CHECK", "SUMMARY", box=None, pad_edge=False)
    for entry in entries:
        schema = "no" if entry.data_schema is None else "yes"
        cells = (entry.application, entry.type, schema, entry.payload_check or "-", entry.summary)
        table.add_row(*(Text(cell) for cell in cells))  # plain texts: a summary may hold what rich takes for mark-up
    Console(soft_wrap=True).print(table)


def _print_entry(entry: "EventTypeEntry") -> None:
    import orjson

    from hub.commands.session import say

    say(f"{entry.type}: {entry.summary}" if entry.summary else entry.type)
    say(f"  offered by  {entry.application} (Service {entry.service_id})")
    say(f"  check       {entry.payload_check or 'as ingress is set'}")
    parts = [("schema", entry.data_schema)] if entry.data_schema is not None else []
    for name, value in [*parts, *(("example", example) for example in entry.examples)]:
        lines = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode().splitlines()
        say("\n".join([f"  {name}", *(f"    {line}" for line in lines)]))
