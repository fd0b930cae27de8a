"""`hub subscription pause|resume|reset`: hold a Subscription's deliveries, go on with them, begin elsewhere."""

import time
from typing import Annotated, Any, Literal

import typer

app = typer.Typer(no_args_is_help=True, help="Hold the deliveries of a Subscription, go on, or begin elsewhere.")

Name = Annotated[str, typer.Argument(help="Name of the Subscription.", metavar="SUBSCRIPTION")]
Scope = Annotated[str, typer.Option("-n", "--scope", "--namespace", help="Scope of the Subscription.")]
Output = Annotated[Literal["text", "json"], typer.Option("-o", "--output", help="For people or programs.")]


@app.command(epilog="Example: hub subscription pause orders")
def pause(name: Name, scope: Scope = "default", output: Output = "text") -> None:
    """Deliver nothing until it is resumed; events are kept, and the position too."""
    answer = _ask("pause", name, scope)
    _say(answer, "paused" if answer["outcome"] == "configured" else "is paused already", name, output)


@app.command(epilog="Example: hub subscription resume orders -n shop")
def resume(name: Name, scope: Scope = "default", output: Output = "text") -> None:
    """Deliver from where it was paused, by somebody or because the sink answered 410 Gone."""
    answer = _ask("resume", name, scope)
    _say(answer, "resumed" if answer["outcome"] == "configured" else "is not paused", name, output)


@app.command(
    epilog="Examples: hub subscription reset orders --to now · hub subscription reset orders --to 2h · "
    "hub subscription reset orders --to 4711"
)
def reset(
    name: Name,
    to: Annotated[
        str, typer.Option("--to", help="now, beginning, a position, or a time: 2h, 7d, 2030-01-31T12:00:00Z.")
    ],
    scope: Scope = "default",
    output: Output = "text",
) -> None:
    """Begin elsewhere: earlier events are not delivered any more, later ones are, again if need be."""
    from hub.commands.session import refusals_as_exit

    with refusals_as_exit():
        position = _position(to)
    _say(_ask("reset", name, scope, to=position), f"begins at {to}", name, output)


def _position(text: str) -> str | int:
    """Return a position as the worker takes it."""
    from datetime import UTC, datetime

    from hub.commands.moments import moment_of

    if text in {"now", "beginning"}:
        return text
    if text.isascii() and text.isdigit():
        return int(text)
    moment = moment_of(text, "--to", time.time()) or 0.0
    return datetime.fromtimestamp(moment, UTC).isoformat()


def _ask(verb: str, name: str, scope: str, **more: Any) -> dict[str, Any]:
    from hub.commands.moments import caller
    from hub.commands.session import call

    request = {"name": name, "scope": scope, "by": caller()} | more
    return call(lambda session: session.ask("subscriptions", verb, request))


def _say(answer: dict[str, Any], done: str, name: str, output: str) -> None:
    from hub.commands.session import say, say_json

    if output == "json":
        say_json(answer)
    else:
        say(f"subscription/{name} {done}")
