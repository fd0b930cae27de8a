"""`hub publish`: CloudEvents from a file, standard input or options, with the receipt of each."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from hub.commands.posting import Target


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Examples: hub publish orders.ndjson --connection shop · hub publish - --app shop < event.json · "
        "hub publish --app shop --type order.created.v1 --data '{\"order\": 1}'"
    )(publish)


def publish(  # noqa: PLR0913, PLR0917 - every option is a parameter
    file: Annotated[
        str | None,
        typer.Argument(help="A CloudEvent as JSON, an array, or one per line; '-' is standard input.", metavar="FILE"),
    ] = None,
    application: Annotated[
        str | None, typer.Option("--app", help="Application that is the source; else the events' own source is kept.")
    ] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="In place of a file: type of one event.")] = None,
    data: Annotated[str | None, typer.Option("--data", help="Its data: JSON, or any text.")] = None,
    event_id: Annotated[str | None, typer.Option("--id", help="Its id; a new one when not said.")] = None,
    connection: Annotated[
        Path | None, typer.Option("--connection", help="Post over mutual TLS with the files of `hub connect --dir`.")
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help="Internal listener of a hub that runs elsewhere.")] = None,
    parallel: Annotated[
        int, typer.Option("--parallel", min=1, max=256, help="Events under way at once; 1 keeps their order.")
    ] = 1,
    output: Annotated[Literal["text", "json"], typer.Option("-o", "--output", help="For people or programs.")] = "text",
) -> None:
    """Publish events and print where each was stored; exit status 1 when one was refused.

    Without --connection they go to the internal listener of the hub on this machine.
    """
    from hub.commands.eventfiles import made_event, read_events
    from hub.commands.session import refusals_as_exit, say_json

    if (file is None) == (event_type is None):
        raise typer.BadParameter("give a FILE, or the --type of one event.")
    if file is not None and (data is not None or event_id is not None):
        raise typer.BadParameter("--data and --id go with --type, not with a file.")
    if connection is not None and (application or url):
        raise typer.BadParameter("--connection says where to post and as whom; leave out --app and --url.")
    with refusals_as_exit():
        target = _target(connection, url, application)
        events = (
            [made_event(event_type, data, event_id, application or "hub-publish")]
            if event_type is not None
            else read_events(file or "-")
        )
        told = _post(target, events, parallel, quiet=output == "json")
    if output == "json":
        say_json(told)
    raise typer.Exit(0 if all(each["stored"] for each in told) else 1)


def _target(connection: Path | None, url: str | None, application: str | None) -> "Target":
    from hub import settings
    from hub.commands.posting import internal_target, paired_target

    if connection is not None:
        return paired_target(connection)
    return internal_target(settings.load().data_dir, url, application)


def _post(target: "Target", events: list[dict[str, Any]], parallel: int, *, quiet: bool) -> list[dict[str, Any]]:
    import asyncio

    from hub.commands.moments import progress
    from hub.commands.posting import post_all
    from hub.kernel.errors import HubError

    told: list[dict[str, Any]] = []

    async def run() -> None:
        with progress("publishing", len(events)) as advance:
            async for each in post_all(target, events, parallel):
                told.append(each)
                advance(1)
                if not quiet:
                    _say(len(told), each)

    try:
        asyncio.run(run())
    except HubError as error:
        if not told:
            raise
        raise error.within(f"{len(told)} of {len(events)} events were answered") from error
    return told


def _say(number: int, told: dict[str, Any]) -> None:
    from hub.commands.session import say, say_error

    if not told["stored"]:
        say_error(f"event {number} ({told['id'] or 'without id'}) refused with {told['status']}: {told['reason']}")
        return
    duplicate = "  duplicate" if told["duplicate"] else ""
    warning = f"  {told['contract']}" if "contract" in told else ""
    place = f"{told['stream']} {told['sequence']}"
    say(f"{place}  {told['durability']}  {told['type']}  {told['id']}{duplicate}{warning}")
