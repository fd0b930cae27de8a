"""`hub function list|logs|invoke`: the Functions that the hub runs."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from hub.commands.session import Session

app = typer.Typer(no_args_is_help=True, help="Functions: list them, read what they print, call them.")

Name = Annotated[str, typer.Argument(help="Name of the Function.")]
Scope = Annotated[str, typer.Option("--scope", "-s", help="Scope of the Function (Kyma's namespace).")]
Output = Annotated[
    Literal["table", "json"], typer.Option("--output", "-o", help="Lines for people, JSON for programs.")
]
Text = Annotated[Literal["text", "json"], typer.Option("--output", "-o", help="Text for people, JSON for programs.")]
_POLL_SECONDS = 0.2


@app.command("list", epilog="Example: hub function list -o json")
def list_functions(
    scope: Annotated[str | None, typer.Option("--scope", "-s", help="Only this scope.")] = None,
    output: Output = "table",
) -> None:
    """List the Functions: whether they answer, and why not."""
    from hub.commands.session import call
    from hub.commands.showing import selected, show
    from hub.functions.kinds import FUNCTION

    async def read(session: "Session") -> list[Any]:
        return await session.resources(FUNCTION.plural)

    show(FUNCTION, selected(FUNCTION, call(read), None, scope), output, single=False)


@app.command(epilog="Example: hub function logs orders -f")
def logs(
    name: Name,
    scope: Scope = "default",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 100,
    output: Text = "text",
) -> None:
    """Show what a Function printed, with the time and the event it worked on."""
    from hub.commands.session import refusals_as_exit, say

    with refusals_as_exit():
        path = _log_file(scope, name)
        for line in _lines(path, lines, follow=follow):
            say(line if output == "json" else shown(line))


def _log_file(scope: str, name: str) -> Path:
    from hub import settings
    from hub.functions.runtime.deployment import log_file
    from hub.kernel.errors import NotFound

    path = log_file(settings.load().data_dir, scope, name)
    if not path.exists():
        raise NotFound(f"Function '{name}' in scope '{scope}' has no log; see `hub function list`.")
    return path


def _lines(path: Path, last: int, *, follow: bool) -> Iterator[str]:
    file = path.open(encoding="utf-8", errors="replace")
    yield from (line.rstrip("\n") for line in file.readlines()[-last:] if last)
    while follow:
        line = file.readline()
        if line:
            yield line.rstrip("\n")
        elif path.exists() and path.stat().st_ino != _inode(file):  # it has been turned over
            file.close()
            file = path.open(encoding="utf-8", errors="replace")
        else:
            time.sleep(_POLL_SECONDS)


def _inode(file: Any) -> int:
    import os

    return os.fstat(file.fileno()).st_ino


def shown(line: str) -> str:
    """Return a line of the log as people read it; what the process wrote past the log stays as it is."""
    try:
        said = json.loads(line)
        return f"{said['time'][11:23]} {said['stream'][3:]} {said.get('event') or '-'}  {said['text']}"
    except (ValueError, KeyError, TypeError):
        return line


@app.command(epilog="""Example: hub function invoke orders --data '{"id": 7}'""")
def invoke(
    name: Name,
    scope: Scope = "default",
    data: Annotated[str | None, typer.Option("--data", "-d", help="The body, as JSON.")] = None,
    event: Annotated[Path | None, typer.Option("--event", "-e", help="File with a CloudEvent in JSON.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.", min=0.1)] = 30,
    output: Text = "text",
) -> None:
    """Call a Function and print its answer; exit status 1 unless it succeeded."""
    from hub.commands.session import call, refusals_as_exit, say, say_error, say_json

    with refusals_as_exit():
        headers, body = request_of(data, event)
    status, error, answer = call(lambda session: _request(session, (scope, name), headers, body, timeout))
    if output == "json":
        say_json({"status": status, "error": error, "body": answer})
    elif answer:
        say(answer)
    if error or not 200 <= status < 300:
        say_error(f"{status} {error}")
        raise typer.Exit(1)


def request_of(data: str | None, event: Path | None) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a call.

    Raises:
        InvalidInput: neither or both are given, or what is given is no JSON.
    """
    from hub.kernel.errors import InvalidInput

    if (data is None) == (event is None):
        raise InvalidInput("Give either --data JSON or --event FILE.")
    try:
        body = (data if data is not None else event.read_text() if event else "").encode()
        json.loads(body)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"What is given is not JSON: {error}.") from error
    kind = "application/json" if data is not None else "application/cloudevents+json"
    return {"content-type": kind}, body


async def _request(
    session: "Session", function: tuple[str, str], headers: dict[str, str], body: bytes, seconds: float
) -> tuple[int, str, str]:
    from nats.errors import Error as NatsError
    from nats.errors import NoRespondersError

    from contracts import subjects
    from hub.functions.outcomes import ERROR, STATUS, TIMEOUT
    from hub.kernel.errors import UpstreamUnavailable

    asked = headers | {TIMEOUT: f"{seconds:g}"}
    try:
        reply = await session.nc.request(subjects.call(*function), body, timeout=seconds + 1, headers=asked)
    except NoRespondersError as error:
        raise UpstreamUnavailable("No worker runs Functions; is the hub up? See `hub status`.") from error
    except (NatsError, TimeoutError, asyncio.CancelledError) as error:
        raise UpstreamUnavailable(f"No answer within {seconds:g} s.") from error
    said = reply.headers or {}
    return int(said.get(STATUS, "500")), said.get(ERROR, ""), reply.data.decode(errors="replace")
