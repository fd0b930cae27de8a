"""`hub demo`: the hub's main job, played and checked before your eyes."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hub.demo.stage import Stage


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: hub demo --no-live")(demo)


def demo(
    no_live: Annotated[bool, typer.Option("--no-live", help="Plain lines in place of the live table.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print nothing but the result, for programs.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the hub running afterwards, until Ctrl-C.")] = False,
) -> None:
    """Start a hub in a temporary directory, post 200 events as a connected solution, and account for every one.

    One breaks its schema, one is a repeat, one is posted with another application's path, one fails twice in its
    Function, one ends as a dead letter and is replayed. Exit status: 0 when all of it held, 1 when not.
    """
    from hub.commands.session import refusals_as_exit, say
    from hub.demo.stage import clear, new_data_dir, stage

    data_dir = new_data_dir()
    if not as_json:
        say(f"The hub's data directory is {data_dir}.")
    with refusals_as_exit(), stage(data_dir) as running:
        held = _play(running, live=not no_live and sys.stdout.isatty(), as_json=as_json, keep=keep)
    if held and not keep:
        clear(data_dir)
    raise typer.Exit(0 if held else 1)


def _play(running: "Stage", *, live: bool, as_json: bool, keep: bool) -> bool:
    from hub.commands.session import say, say_json
    from hub.demo import terminal
    from hub.demo.play import Play
    from hub.demo.sink import Sink

    sink = Sink()
    sink.start()
    play = Play(sink)
    try:
        with terminal.showing(live=live, quiet=as_json) as show:
            asyncio.run(_perform(play, running, show))
        result = terminal.result_of(play, str(running.data_dir))
        if as_json:
            say_json(result)
        else:
            say(terminal.summary_of(result))
        if keep:
            _linger(running)
    finally:
        sink.stop()
    return bool(result["held"])


async def _perform(play: Any, running: "Stage", show: Any) -> None:
    from hub.demo.play import perform
    from hub.demo.stage import session

    async with session() as connected:
        await perform(play, running, connected, show)


def _linger(running: "Stage") -> None:
    """Leave the hub running until Ctrl-C."""
    from contextlib import suppress
    from threading import Event

    from hub.commands.session import say_error

    addresses = " ".join(f"{name}={url}" for name, url in running.hub.listeners.items())
    say_error(f"The hub is still running: {addresses} HUB_DATA_DIR={Path(running.data_dir)}; Ctrl-C stops it.")
    with suppress(KeyboardInterrupt):
        Event().wait()
