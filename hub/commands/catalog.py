"""`hub catalog list|show|check|quarantine`: the event types that Applications offer, and what became of them."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hub.commands import compatibility, quarantine
from hub.commands.catalogview import Catalog, print_table, read_catalog

if TYPE_CHECKING:
    from contracts.catalog.v1 import EventTypeEntry
    from hub.commands.session import Session

app = typer.Typer(no_args_is_help=True, help="The event catalog: which event types there are, and what they hold.")
app.add_typer(quarantine.app, name="quarantine")
app.command("check", epilog="Example: hub catalog check shop.asyncapi.json --app shop")(compatibility.check)

Output = Annotated[
    Literal["table", "json"], typer.Option("--output", "-o", help="Lines for people, JSON for programs.")
]


@app.command("list", epilog="Example: hub catalog list shop -o json")
def list_types(
    application: Annotated[str | None, typer.Argument(help="Only this Application's.", metavar="APP")] = None,
    output: Output = "table",
) -> None:
    """List the event types of every Application, or of one; then what is posted but in no catalog."""
    from hub.commands.session import call, say, say_json

    found = call(read_catalog).of(application)
    if output == "json":
        say_json({
            "types": [entry.model_dump(mode="json") for entry in found.entries],
            "unknown": [each.model_dump(mode="json", exclude={"reports"}) for each in found.unknown],
            "refused": [each.model_dump(mode="json") for each in found.refused],
        })  # fmt: skip
        return
    if found.entries:
        _print_types(found)
    else:
        whose = f"'{application}'" if application else "any Application"
        say(f"The catalog holds no event type of {whose}; register a Service with an AsyncAPI document.")
    _print_findings(found)


@app.command(epilog="Example: hub catalog show order.created.v1")
def show(
    event_type: Annotated[
        str, typer.Argument(help="Versioned name, such as order.created.v1; all versions without it.", metavar="TYPE")
    ],
    output: Output = "table",
) -> None:
    """Show an event type: who offers it, who wants it, its schema and examples; exit status 1 when nobody does."""
    from hub.commands.session import call, say_json

    async def find(session: "Session") -> tuple[Catalog, list["EventTypeEntry"]]:
        from hub.kernel.errors import NotFound

        catalog = await read_catalog(session)
        found = [entry for entry in catalog.entries if event_type in (entry.type, entry.name)]
        if not found:
            posted = any(each.type == event_type for each in catalog.unknown)
            seen = "is posted, but no Application offers it" if posted else "is offered by no Application"
            raise NotFound(f"'{event_type}' {seen}; see `hub catalog list`.")
        return catalog, found

    catalog, entries = call(find)
    if output == "json":
        say_json([entry.model_dump(mode="json") for entry in entries])
        return
    for entry in entries:
        _print_entry(entry, catalog)


def _print_types(found: Catalog) -> None:
    rows = [
        (
            entry.application,
            entry.type,
            "no" if entry.data_schema is None else "yes",
            entry.payload_check or "-",
            str(len(found.subscribers(entry))),
            entry.owner or "-",
            entry.summary,
        )
        for entry in found.entries
    ]
    print_table(("APPLICATION", "TYPE", "SCHEMA", "CHECK", "WANTED BY", "OWNER", "SUMMARY"), rows)


def _print_findings(found: Catalog) -> None:
    from hub.commands.session import say

    if found.unknown:
        say("\nPosted, but in no catalog:")
        now = datetime.now(UTC)
        rows = [(each.application or "-", each.type, str(each.count), _ago(now, each.last)) for each in found.unknown]
        print_table(("APPLICATION", "TYPE", "EVENTS", "LAST SEEN"), rows)
    if found.refused:
        say("\nSpecifications that cannot be read; what they offered before stays:")
        reasons = [(each.application, each.service_id, each.detail) for each in found.refused]
        print_table(("APPLICATION", "SERVICE", "REASON"), reasons)


def _ago(now: datetime, moment: datetime) -> str:
    seconds = max(0, int((now - moment).total_seconds()))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def _print_entry(entry: "EventTypeEntry", catalog: Catalog) -> None:
    import orjson

    from hub.commands.session import say

    say(f"{entry.type}: {entry.summary}" if entry.summary else entry.type)
    version = f", specification {entry.spec_version}" if entry.spec_version else ""
    versions = catalog.versions(entry)
    facts = {
        "offered by": f"{entry.application} (Service {entry.service_id}{version})",
        "owner": entry.owner,
        "versions": ", ".join(versions) if len(versions) > 1 else "",
        "check": entry.payload_check or f"{catalog.default_check} (as ingress is set)",
        "wanted by": ", ".join(catalog.subscribers(entry)) or "no Subscription",
    }
    for name, fact in facts.items():
        if fact:
            say(f"  {name:<11} {fact}")
    parts = [("schema", entry.data_schema)] if entry.data_schema is not None else []
    for name, value in [*parts, *(("example", example) for example in entry.examples)]:
        lines = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode().splitlines()
        say("\n".join([f"  {name}", *(f"    {line}" for line in lines)]))
