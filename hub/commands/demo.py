"""`hub demo`: the hub's main job, played and checked before your eyes."""

import asyncio
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.demo.stage import Stage


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Examples: hub demo --no-live, hub demo --kill nats-server")(demo)


def demo(
    no_live: Annotated[bool, typer.Option("--no-live", help="Plain lines in place of the live table.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print nothing but the result, for programs.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the hub running afterwards, until Ctrl-C.")] = False,
    kill: Annotated[
        list[str] | None,
        typer.Option(
            help="Kill a process (-9) at several steps of the demo: edge, inside, dispatch, control, nats-server or "
            "function; may be repeated.",
            metavar="PROCESS",
        ),
    ] = None,
) -> None:
    """Start a hub in a temporary directory, post 200 events as a connected solution, and account for every one.

    One breaks its schema, one is a repeat, one is posted with another application's path, one fails twice in its
    Function, one ends as a dead letter and is replayed. Exit status: 0 when all of it held, 1 when not.
    """
    from hub.commands.session import refusals_as_exit
    from hub.demo import faults

    with refusals_as_exit():
        wanted = Wanted(not no_live and sys.stdout.isatty(), as_json, keep, faults.check(kill or []))
        held = _run(wanted)
    raise typer.Exit(0 if held else 1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the demo is to be played."""

    live: bool
    as_json: bool
    keep: bool
    kill: tuple[str, ...]


def _run(wanted: Wanted) -> bool:
    """Play on a stage that is cleared afterwards, unless what is there explains a failure."""
    from hub.commands.session import say, say_error
    from hub.demo.stage import clear, new_data_dir, stage

    data_dir = new_data_dir()
    if not wanted.as_json:
        say(f"A hub starts, with the temporary data directory {data_dir}.")
    held = False
    try:
        with stage(data_dir) as running:
            held = _play(running, wanted)
    except KeyboardInterrupt:
        held = True  # nothing failed, so nothing is left to be explained
        raise
    finally:
        if held:
            clear(data_dir)
        else:
            say_error(f"What the hub wrote is kept: {data_dir}, its logs are in {data_dir / 'log'}.")
    return held


def _play(running: "Stage", wanted: Wanted) -> bool:
    from hub.commands.session import say, say_error, say_json
    from hub.demo import terminal
    from hub.demo.faults import Faults
    from hub.demo.play import Play
    from hub.demo.sink import Sink

    sink = Sink()
    sink.start()
    play = Play(sink, Faults(running.hub, sink, wanted.kill))
    try:
        with terminal.showing(live=wanted.live, quiet=wanted.as_json) as show:
            asyncio.run(_perform(play, running, show))
        result = terminal.result_of(play, str(running.data_dir))
        if wanted.as_json:
            say_json(result)
        else:
            say(terminal.summary_of(result))
        if wanted.keep:
            _linger(running, say_error if wanted.as_json else say)
    finally:
        sink.stop()
    return bool(result["held"])


async def _perform(play: Any, running: "Stage", show: Any) -> None:
    from hub.demo.play import Company, perform
    from hub.demo.stage import session

    async with session() as connected:
        await perform(play, Company(connected, running), show)


def _linger(running: "Stage", say: "Callable[[str], None]") -> None:
    """Leave the hub running until Ctrl-C."""
    from contextlib import suppress
    from threading import Event

    say("The hub goes on running until Ctrl-C, which removes its data too. In another terminal:")
    say(f"  export HUB_DATA_DIR={running.data_dir}")
    say("  hub status")
    for name, url in running.hub.listeners.items():
        say(f"  {name:<8} {url}")
    with suppress(KeyboardInterrupt):
        Event().wait()
