"""`hub dead`: events that were given up; list them, deliver them again, drop them."""

from typing import Annotated, Any

import typer

app = typer.Typer(help="Dead letters: events whose delivery was given up.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the Subscription.")]
Scope = Annotated[str, typer.Option("-n", "--namespace", help="Its scope.")]
One = Annotated[int | None, typer.Option("--sequence", help="Only this dead letter.")]
Output = Annotated[str, typer.Option("-o", "--output", help="text, or json for programs.")]


def _ask(verb: str, name: str, scope: str, sequence: int | None) -> dict[str, Any]:
    from hub.commands.session import call

    request = {"name": name, "scope": scope, "sequence": sequence}
    return call(lambda session: session.ask("dead", verb, request))


@app.command("list")
def list_letters(name: Name, scope: Scope = "default", sequence: One = None, output: Output = "text") -> None:
    """List the dead letters of a Subscription."""
    from hub.commands.session import say, say_json

    items = _ask("list", name, scope, sequence)["items"]
    if output == "json":
        say_json(items)
        return
    for item in items:
        say(f"{item['sequence']}  {item['type']}  {item['id']}  attempts={item['attempts']}  {item['reason']}")


@app.command()
def replay(name: Name, scope: Scope = "default", sequence: One = None, output: Output = "text") -> None:
    """Deliver dead letters again, to their Subscription only."""
    _report(_ask("replay", name, scope, sequence), output)


@app.command()
def drop(name: Name, scope: Scope = "default", sequence: One = None, output: Output = "text") -> None:
    """Remove dead letters for good."""
    _report(_ask("drop", name, scope, sequence), output)


def _report(answer: dict[str, Any], output: str) -> None:
    from hub.commands.session import say, say_json

    if output == "json":
        say_json(answer)
    else:
        say(", ".join(f"{verb} {count}" for verb, count in answer.items()))
