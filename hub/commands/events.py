"""`hub events`: watch events come in, see all about one, and why a Subscription did not get it."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from hub.commands.session import Session

app = typer.Typer(help="Events: watch them, find one, see what became of it.", no_args_is_help=True)

Which = Annotated[
    str, typer.Argument(help="Its sequence, or its id; with --id a number is taken for an id.", metavar="ID|SEQUENCE")
]
IsId = Annotated[bool, typer.Option("--id", help="The number is an id, not a sequence.")]
Source = Annotated[str | None, typer.Option("--source", "--app", help="Who emitted it; narrows the search for an id.")]
Type = Annotated[str | None, typer.Option("--type", help="Its event type; narrows the search for an id.")]
Scope = Annotated[str, typer.Option("-n", "--scope", "--namespace", help="Scope of the Subscription.")]
Output = Annotated[Literal["text", "json"], typer.Option("-o", "--output", help="For people, or for programs.")]


@app.command(
    epilog="Examples: hub events tail --app shop · hub events tail --type order.created.v1 --since 10m -o json"
)
def tail(  # noqa: PLR0913, PLR0917 - every option is a parameter
    application: Annotated[str | None, typer.Option("--app", help="Only events of this Application.")] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Only events of this type.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Begin in the past: 10m, 2h, or 2030-01-31T12:00:00Z.")
    ] = None,
    count: Annotated[int | None, typer.Option("--count", "-c", min=1, help="End after this many.")] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for more, until Ctrl-C.")] = True,
    data: Annotated[bool, typer.Option("--data", help="Show the events' data too.")] = False,
    output: Output = "text",
) -> None:
    """Show accepted events as they come; -o json writes one object per line."""
    from hub.commands.moments import moment_of
    from hub.commands.session import call, refusals_as_exit
    from hub.commands.tailing import Tail, run_tail

    with refusals_as_exit():
        begin = moment_of(since, "--since", time.time())
        wanted = Tail(application, event_type, begin, count, follow, data, output == "json")
    call(lambda session: run_tail(session, wanted))


@app.command(
    epilog="Examples: hub events show 4711 · hub events show 3f0a-… --source shop -o json"
    " · hub events show 4711 --save orders/events/late.json"
)
def show(
    which: Which,
    is_id: IsId = False,
    source: Source = None,
    event_type: Type = None,
    file: Annotated[
        Path | None,
        typer.Option("--save", help="Write the event itself into a new file: a test case for `hub function run`."),
    ] = None,
    output: Output = "text",
) -> None:
    """Show all about one event: accepted, stored, and for every Subscription what became of it."""
    from hub.commands.eventfiles import save
    from hub.commands.eventpage import page_of, with_logs
    from hub.commands.session import call, say, say_json

    request = request_of(which, is_id=is_id, source=source, event_type=event_type)

    async def ask(session: "Session") -> dict[str, Any]:
        told = await search(session, "show", request)
        if file is not None:
            await save(session, told, file)
        return with_logs(told, session.settings.data_dir)

    answer = call(ask)
    if output == "json":
        say_json(answer)
    elif file is not None:
        say(str(file))
    else:
        say(page_of(answer))


@app.command(epilog="Example: hub events why 4711 orders")
def why(  # noqa: PLR0913, PLR0917 - every option is a parameter
    which: Which,
    subscription: Annotated[str, typer.Argument(help="Name of the Subscription.")],
    scope: Scope = "default",
    is_id: IsId = False,
    source: Source = None,
    event_type: Type = None,
    output: Output = "text",
) -> None:
    """Say which one step decided between an event and a Subscription."""
    from hub.commands.session import call, say, say_json

    request = request_of(which, is_id=is_id, source=source, event_type=event_type)
    request |= {"name": subscription, "scope": scope}
    answer = call(lambda session: search(session, "why", request))
    if output == "json":
        say_json(answer)
    else:
        say(f"{answer['state']} ({answer['step']}): {answer['text']}")


def request_of(which: str, *, is_id: bool, source: str | None, event_type: str | None) -> dict[str, Any]:
    """Return how the worker is asked for an event: by sequence when it is a number and not said to be an id."""
    if which.isascii() and which.isdigit() and not is_id and int(which) > 0:
        return {"sequence": int(which)}
    return {"id": which, "source": source, "type": event_type}


async def search(session: "Session", verb: str, request: dict[str, Any]) -> dict[str, Any]:
    """Ask until the event is found: the worker searches a part of the stream per request, the newest first."""
    from hub.commands.moments import progress

    answer = await session.ask("events", verb, request, timeout_seconds=120)
    if "next" not in answer:
        return answer
    left = int(answer["next"])
    with progress("searching", left) as advance:
        while "next" in answer:
            advance(left - int(answer["next"]))
            left = int(answer["next"])
            answer = await session.ask("events", verb, request | {"before": left}, timeout_seconds=120)
    return answer
