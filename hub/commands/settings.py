"""`hub settings`: every setting with its value, where it comes from, and what it means."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="settings")(show)


def show(
    output: Annotated[str, typer.Option("--output", "-o", help="table or json.")] = "table",
) -> None:
    """Print every setting: its variable, its value and whether the environment sets it; secrets as ***.

    Example: HUB_EDGE__PORT=9443 hub settings
    """
    from hub import settings
    from hub.commands.session import refusals_as_exit, say, say_json

    with refusals_as_exit():
        rows = list(rows_of(settings.load(), settings.PREFIX))
    if output == "json":
        say_json({row["variable"]: {"value": row["value"], "origin": row["origin"]} for row in rows})
        return
    for row in rows:
        say(f"{row['variable']:<44} {row['value']:<40} {row['origin']}")


def rows_of(tree: Any, prefix: str) -> Iterator[dict[str, str]]:
    """Iterate over the leaves of the settings tree."""
    import os

    from pydantic import BaseModel, SecretStr

    for name in type(tree).model_fields:
        value = getattr(tree, name)
        variable = f"{prefix}{name.upper()}"
        if isinstance(value, BaseModel):
            yield from rows_of(value, f"{variable}__")
            continue
        shown = "***" if isinstance(value, SecretStr) else "" if value is None else str(value)
        yield {"variable": variable, "value": shown, "origin": "environment" if variable in os.environ else "default"}
