"""The command line: arguments in, calls out. Each group of commands lives in a module of `hub/commands/`."""

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from hub import __version__

GROUPS = {
    "up": ("up", "status"),
    "run": ("run",),
    "resources": ("apply", "get", "delete", "explain"),
    "token": ("token",),
    "connect": ("connect",),
    "publish": ("publish",),
    "replay": ("replay",),
    "trace": ("trace",),
    "demo": ("demo",),
    "drill": ("drill",),
    "doctor": ("doctor",),
    "audit": ("audit",),
    "settings": ("settings",),
}
"""Modules that register commands at the top level, and which: only the module of the command that runs is loaded."""
SUB_COMMANDS = (
    "events", "dead", "catalog", "function", "gateway", "compass", "connector", "contracts", "secrets", "subscription",
    "bench", "nats",
)  # fmt: skip
"""Modules whose commands stand below a noun."""

_COLLECT_AFTER = 50_000
"""New objects between two looks for cycles: loading modules makes many objects and no garbage."""
_HELP = """An event-driven integration hub: connected solutions post events, Subscriptions and Functions get them.

Start with `hub demo`, or `hub up` in one terminal and `hub token shop --create` in another."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hub {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of every command."""


def command_line(words: Sequence[str] = ()) -> typer.Typer:
    """Return the command line: of all commands, or of the one that the words begin with, which starts much faster."""
    app = typer.Typer(
        name="hub", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=_HELP
    )
    app.callback()(_options)
    called = words[0] if words else ""
    groups = [module for module, commands in GROUPS.items() if called in commands]
    nouns = [called] if called in SUB_COMMANDS else []
    for module in groups if groups or nouns else GROUPS:
        import_module(f"hub.commands.{module}").register(app)
    for noun in nouns if groups or nouns else SUB_COMMANDS:
        app.add_typer(import_module(f"hub.commands.{noun}").app, name=noun)
    return app


def main() -> None:
    """Run the command line."""
    gc.set_threshold(_COLLECT_AFTER)
    command_line(sys.argv[1:])()
