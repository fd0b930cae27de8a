"""`hub up` and `hub status`: the whole hub from one command, and what it is doing."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from hub.commands.session import refusals_as_exit, say, say_json

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Directory of all state; default: HUB_DATA_DIR.", show_default=False)
]
Output = Annotated[Literal["table", "json"], typer.Option("--output", "-o", help="For people or for programs.")]
COLUMNS = "{name:<12} {state:<11} {pid:>7}  {restarts:>8}  {listeners}"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: HUB_EDGE__PORT=9443 hub up --data-dir ./data")(up)
    app.command(epilog="Example: hub status -o json")(status)


def up(
    data_dir: DataDir = None,
    no_color: Annotated[bool, typer.Option("--no-color", help="Plain lines, also on a terminal.")] = False,
) -> None:
    """Start the whole hub: the event store and every worker; Ctrl-C stops it.

    What dies is started again; what dies ten times in a row ends the hub, with its last log lines. HUB_NATS__URL names
    an event store of yours to use instead of the bundled one. Exit status: 0 stopped by SIGTERM, 130 by Ctrl-C,
    1 refused or a worker given up, 2 wrong settings.
    """
    from hub.up.launch import become_supervisor, plan_of

    with refusals_as_exit():
        settings = _settings(data_dir)
        color = sys.stdout.isatty() and not no_color and not os.environ.get("NO_COLOR")
        become_supervisor(plan_of(settings, color=color))


def status(data_dir: DataDir = None, output: Output = "table") -> None:
    """Show the processes of the running hub; exit status 1 when none runs on the data directory."""
    from hub.kernel.errors import NotFound
    from hub.up.statefile import read_running

    with refusals_as_exit():
        directory = _settings(data_dir).data_dir.expanduser().resolve()
        document = read_running(directory)
        if document is None:
            raise NotFound(f"No hub runs on {directory}; start one with `hub up`, or name its --data-dir.")
    if output == "json":
        say_json(document)
    else:
        _say_table(document)


def _settings(data_dir: Path | None) -> Any:
    from hub import settings

    if data_dir is not None:
        os.environ["HUB_DATA_DIR"] = str(data_dir.expanduser().resolve())  # the workers inherit it
    return settings.load()


def _say_table(document: dict[str, Any]) -> None:
    say(f"hub {document['state']} · pid {document['pid']} · since {document['started']} · {document['data_dir']}")
    say(COLUMNS.format(name="PROCESS", state="STATE", pid="PID", restarts="RESTARTS", listeners="LISTENERS"))
    for process in document["processes"]:
        addresses = " ".join(f"{name}={url}" for name, url in process["listeners"].items())
        say(COLUMNS.format(**{**process, "pid": process["pid"] or "-", "listeners": addresses}).rstrip())
