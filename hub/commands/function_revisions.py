"""`hub function revisions|rollback|route|compare`: earlier and coming forms of a Function."""

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hub.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from hub.commands.session import Session

app = typer.Typer()

Name = Annotated[str, typer.Argument(help="Name of the Function.")]
Scope = Annotated[str, typer.Option("--scope", "-s", help="Scope of the Function (Kyma's namespace).")]
Output = Annotated[
    Literal["table", "json"], typer.Option("--output", "-o", help="Lines for people, JSON for programs.")
]
Wait = Annotated[float, typer.Option(help="Seconds to wait until it answers; 0: do not wait.", min=0)]

_SHARE = re.compile(r"(\d+|latest)=(\d{1,3})%?")
_COLUMNS = (
    ("Revision", "number"), ("Deployed", "at"), ("Ready", "ready"), ("Percent", "percent"), ("Calls", "calls"),
    ("Errors %", "errorPercent"), ("p50 ms", "p50Milliseconds"), ("p99 ms", "p99Milliseconds"), ("", "note"),
)  # fmt: skip


@app.command(epilog="Example: hub function revisions orders")
def revisions(name: Name, scope: Scope = "default", output: Output = "table") -> None:
    """List the revisions that are kept: when they were deployed, whether they answer, what share they get."""
    from hub.commands.session import call, say, say_json

    answer = call(lambda session: session.ask("functions", "revisions", {"name": name, "scope": scope}))
    if output == "json":
        say_json(answer)
        return
    rows = [[title for title, _ in _COLUMNS]]
    rows += [[_cell(row, field) for _, field in _COLUMNS] for row in answer["revisions"]]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cell(row: dict[str, Any], field: str) -> str:
    if field == "ready":
        return {None: "Unknown", True: "True", False: "False"}[row["ready"]]
    if field == "note":
        notes = (["shadow"] if row["shadow"] else []) + ([row["reason"]] if row["reason"] else [])
        return "; ".join(notes)[:120]
    return str(row[field])


@app.command(epilog="Examples: hub function rollback orders · hub function rollback orders --to 3")
def rollback(
    name: Name,
    scope: Scope = "default",
    to: Annotated[int | None, typer.Option("--to", min=1, help="Number; default: the last that answered.")] = None,
    wait: Wait = 120,
) -> None:
    """Deploy an earlier revision again, as a new one, and wait until it answers."""
    from hub.commands.function_deploying import need_answering
    from hub.commands.session import call, say

    async def go(session: "Session") -> dict[str, Any]:
        request = {"name": name, "scope": scope} | ({"to": to} if to is not None else {})
        answer = await session.ask("functions", "rollback", request)
        await need_answering(session, answer, wait)
        return answer

    answer = call(go)
    number = answer["resource"]["metadata"]["generation"]
    same = answer["outcome"] == "unchanged"
    say(f"function/{name} {'is' if same else f'is revision {number}, the same as'} revision {answer['to']}")


@app.command(epilog="Examples: hub function route orders 3=90 · hub function route orders --shadow 4 · "
             "hub function route orders")  # fmt: skip
def route(
    name: Name,
    shares: Annotated[
        list[str] | None, typer.Argument(help="REVISION=PERCENT of the calls; the newest revision gets the rest.")
    ] = None,
    scope: Scope = "default",
    shadow: Annotated[
        str | None, typer.Option("--shadow", help="Revision that gets the same events and is compared; or latest.")
    ] = None,
    wait: Wait = 120,
) -> None:
    """Share the calls of a Function out among its revisions; without shares and shadow the newest gets all."""
    from hub.commands.function_deploying import need_answering
    from hub.commands.session import call, refusals_as_exit, say

    with refusals_as_exit():
        traffic = [read_share(share) for share in shares or []]
        request: dict[str, Any] = {"name": name, "scope": scope, "traffic": traffic}
        if shadow is not None:
            request["shadow"] = {"revision": read_revision(shadow)}

    async def go(session: "Session") -> str:
        answer = await session.ask("functions", "route", request)
        return await need_answering(session, answer, wait)

    note = call(go)
    said = ", ".join(f"revision {share['revision']} {share['percent']} %" for share in traffic)
    watching = f"; revision {shadow} is the shadow" if shadow is not None else ""
    say(f"function/{name}: {f'{said}, the newest the rest' if said else 'the newest revision gets all'}{watching}")
    if note:
        say(note)


def read_share(text: str) -> dict[str, Any]:
    """Return a share as the spec has it.

    Raises:
        InvalidInput: it is none.
    """
    match = _SHARE.fullmatch(text)
    if match is None:
        raise InvalidInput(f"'{text}' is no share; write REVISION=PERCENT, such as 3=90.")
    return {"revision": read_revision(match[1]), "percent": int(match[2])}


def read_revision(text: str) -> int | str:
    """Return a revision as the spec has it: its number, or `latest`.

    Raises:
        InvalidInput: it is neither.
    """
    if text == "latest":
        return text
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise InvalidInput(f"'{text}' is no revision; give its number, or latest. See `hub function revisions`.")
    return int(text)


@app.command(epilog="Example: hub function compare orders -o json")
def compare(name: Name, scope: Scope = "default", output: Output = "table") -> None:
    """Compare what the shadow revision made of the same events; exit status 1 when something differs."""
    from hub.commands.session import call, say, say_json

    answer = call(lambda session: session.ask("functions", "compare", {"name": name, "scope": scope}))
    if output == "json":
        say_json(answer)
    else:
        for line in compared(answer):
            say(line)
    if answer["different"]:
        raise typer.Exit(1)


def compared(answer: dict[str, Any]) -> list[str]:
    """Return a comparison as lines for people."""
    lines = [
        f"revision {answer['revision']} is the shadow since {answer['since']}",
        f"{answer['same']} events alike, {answer['different']} different, {answer['skipped']} skipped;"
        f" {answer['liveMilliseconds']:g} ms on average, the shadow {answer['shadowMilliseconds']:g} ms",
        f"recorded instead of made: {answer['publications']} publications,"
        f" {answer['calls']} calls",
    ]
    for each in answer["differences"]:
        lines.append(f"✗ {each['event']['id']} {each['event']['type']}")
        lines += [f"    revision {each['revision']}: {_result(each['live'])}", f"    shadow: {_result(each['shadow'])}"]
        lines += [f"    {_recorded(made)}" for made in each["calls"]]
    return lines


def _result(told: dict[str, Any]) -> str:
    said = told.get("error") or (told["body"] if told["body"] is not None else "(in parts)")
    return f"{told['status']} {said[:200]}  ({told['milliseconds']:g} ms)"


def _recorded(made: dict[str, Any]) -> str:
    if made["kind"] != "publication":
        return f"would call {made['method']} {made['path']} ({made['kind']})"
    return f"would publish {made['type']} from {made['source']}: {made['data'][:200]}"
