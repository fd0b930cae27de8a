"""The command line: arguments in, calls out. Each group of commands lives in a module of `hub/commands/`."""

from importlib import import_module
from typing import Annotated

import typer

from hub import __version__

app = typer.Typer(
    name="hub",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="""An event-driven integration hub: connected solutions post events, Subscriptions and Functions get them.

    Start with `hub demo`, or `hub up` in one terminal and `hub token shop --create` in another.""",
)

GROUPS = (
    "up",
    "run",
    "resources",
    "token",
    "connect",
    "publish",
    "replay",
    "demo",
    "bench",
    "doctor",
    "audit",
    "settings",
)
"""Modules that register commands at the top level."""
SUB_COMMANDS = ("events", "dead", "catalog", "function", "gateway", "connector", "contracts", "secrets", "subscription")
"""Modules whose commands stand below a noun."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hub {__version__}")
        raise typer.Exit


@app.callback()
def hub(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of every command."""


for _group in GROUPS:
    import_module(f"hub.commands.{_group}").register(app)
for _noun in SUB_COMMANDS:
    app.add_typer(import_module(f"hub.commands.{_noun}").app, name=_noun)


def main() -> None:
    """Run the command line."""
    app()
