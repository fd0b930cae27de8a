"""`hub gateway test`: try a registered API and see, step by step, what the gateway does."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from hub.commands.session import Session

app = typer.Typer(no_args_is_help=True, help="The Application Gateway: calls of connected solutions' APIs.")


@app.callback()
def gateway() -> None:
    """Keep `test` a word of its own, although it is the only command."""


@app.command(epilog="Example: hub gateway test shop order-api --path /orders/1")
def test(
    application: Annotated[str, typer.Argument(help="Name of the Application.", metavar="APP")],
    service: Annotated[str, typer.Argument(help="Name of the Service as it stands in paths.", metavar="SERVICE")],
    entry: Annotated[str | None, typer.Option(help="Name of the entry, where the Service has several APIs.")] = None,
    method: Annotated[str, typer.Option(help="HTTP method.")] = "GET",
    path: Annotated[str, typer.Option(help="Path below the API's own, with its query.")] = "",
    output: Annotated[
        Literal["table", "json"], typer.Option("--output", "-o", help="Lines for people, JSON for programs.")
    ] = "table",
) -> None:
    """Call a registered API once and tell each step; exit status 1 when the call fails."""
    from hub.commands.session import call, say, say_json

    asked = {"application": application, "service": service, "entry": entry, "method": method, "path": path}

    async def ask(session: "Session") -> dict[str, Any]:
        return await session.ask("gateway", "test", asked)

    told = call(ask)
    if output == "json":
        say_json(told)
    else:
        for step in told["steps"]:
            say(f"{'ok  ' if step['ok'] else 'FAIL'}  {step['step']:<18}  {step['outcome']}")
    if not told["ok"]:
        raise typer.Exit(1)
