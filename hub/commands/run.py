"""`hub run`: one process of the hub, as the lines of the Procfile call it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(run)


def run(
    rooms: Annotated[list[str], typer.Argument(help="Workers to run in this process.", metavar="WORKER")],
    listen: Annotated[
        list[str] | None, typer.Option(help="Listeners to open: edge, internal, public, gateway, gateway_compass.")
    ] = None,
) -> None:
    """Run some of the workers in one process (what the lines of the Procfile call).

    A nats-server must be up: `hub up` starts one, or HUB_NATS__URL names yours.

    Example: hub run dispatch
    """
    from hub import settings
    from hub.commands.session import refusals_as_exit
    from hub.house import LISTENERS, ROOMS, check
    from hub.up import logs
    from hub.up.serving import serve

    words = list(rooms)
    # A word that is both, such as gateway, means the worker.
    ports = [word for word in words if word in LISTENERS and word not in ROOMS]
    names = [*(listen or []), *ports]
    workers = [word for word in words if word not in ports]
    with refusals_as_exit(settings_exit=2):
        check(workers, names)
        tree = settings.load()
        logs.configure(tree.logs, process="+".join(workers))
        _loop_runner()(serve(workers, names, tree))


def _loop_runner() -> "Callable[[Coroutine[Any, Any, None]], None]":
    import asyncio

    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run
