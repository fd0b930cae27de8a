"""`hub function new|run|deploy|invoke|logs|list|revisions|…`: Functions, from the first line to production."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hub.commands import function_revisions

if TYPE_CHECKING:
    from hub.commands.session import Session
    from hub.kernel.resource import Kind

app = typer.Typer(no_args_is_help=True, help="Functions: write, run, deploy, call, watch them.")

Name = Annotated[str, typer.Argument(help="Name of the Function.")]
Scope = Annotated[str, typer.Option("--scope", "-s", help="Scope of the Function (Kyma's namespace).")]
Output = Annotated[
    Literal["table", "json"], typer.Option("--output", "-o", help="Lines for people, JSON for programs.")
]
Text = Annotated[Literal["text", "json"], typer.Option("--output", "-o", help="Text for people, JSON for programs.")]
Folder = Annotated[Path, typer.Argument(help="Folder of the Function.", file_okay=False)]
_POLL_SECONDS = 0.2
app.registered_commands += function_revisions.app.registered_commands


@app.command(epilog="Example: hub function new orders --runtime node")
def new(
    name: Name,
    runtime: Annotated[str, typer.Option("--runtime", "-r", help="python, node, or a version: nodejs24.")] = "python",
    directory: Annotated[Path | None, typer.Option("--directory", "-d", help="Where; default: ./NAME.")] = None,
) -> None:
    """Write a folder with a handler, its dependency file, the manifest and an event to try it with."""
    from hub.commands import function_project
    from hub.commands.session import refusals_as_exit, say

    with refusals_as_exit():
        for path in function_project.create(directory or Path(name), name, runtime):
            say(str(path))


@app.command(epilog="Example: hub function run orders")
def run(
    directory: Folder = Path(),
    port: Annotated[int, typer.Option(help="Port to be called at; 0: any free one.", min=0, max=65535)] = 0,
    event: Annotated[
        list[Path] | None, typer.Option("--event", "-e", help="Event to feed it; default: the folder events/.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Feed the events and end; 1 when one fails.")] = False,
) -> None:
    """Run a Function from its folder, without a hub: again at each change, with its output and its answers."""
    from hub import settings
    from hub.commands import function_local
    from hub.commands.session import quiet_logs, refusals_as_exit

    with refusals_as_exit():
        tree = settings.load()
        quiet_logs()
        running = function_local.run(directory.resolve(), tree.functions, port=port, events=event or [], once=once)
        raise typer.Exit(asyncio.run(running))


@app.command(epilog="Example: hub function deploy orders --scope shop")
def deploy(
    directory: Folder = Path(),
    scope: Scope = "default",
    wait: Annotated[float, typer.Option(help="Seconds to wait until it answers; 0: do not wait.", min=0)] = 120,
    percent: Annotated[
        int | None,
        typer.Option("--percent", min=1, max=99, help="Share of the calls for it; the rest stays where most go now."),
    ] = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="It gets no calls but the same events; see `hub function compare`.")
    ] = False,
) -> None:
    """Send a Function from its folder to the hub, and wait until it answers or says why not."""
    from hub.commands import function_deploying, function_project
    from hub.commands.session import call, refusals_as_exit, say, say_error
    from hub.kernel.errors import InvalidInput

    with refusals_as_exit():
        project = function_project.read(directory.resolve())
        if shadow and percent is not None:
            raise InvalidInput("Give either --percent or --shadow: a shadow gets no calls.")
    for name in project.left_out:
        say_error(f"{name} is not sent: an inline source is one file. Put it into a Git repository, or into handler.")
    began = time.monotonic()

    async def go(session: "Session") -> dict[str, Any]:
        answer: dict[str, Any] = await function_deploying.deploy(
            session, project.document, scope, percent, shadow=shadow
        )
        await function_deploying.need_answering(session, answer, wait)
        return answer

    answer = call(go)
    say(f"function/{project.name} {answer['outcome']} after {time.monotonic() - began:.1f} s")


@app.command("list", epilog="Example: hub function list -o json")
def list_functions(
    scope: Annotated[str | None, typer.Option("--scope", "-s", help="Only this scope.")] = None,
    output: Output = "table",
) -> None:
    """List the Functions: whether they answer, and why not."""
    from hub.commands.session import call
    from hub.commands.showing import selected, show
    from hub.functions.kinds import FUNCTION

    async def read(session: "Session") -> tuple[list[Any], dict[str, Any]]:
        return await session.resources(FUNCTION.plural), (await session.ask(FUNCTION.plural, "stats", {}))["functions"]

    resources, stats = call(read)
    found = [replace(one, status=one.status | {"live": stats.get(one.key, {})}) for one in resources]
    show(_live(FUNCTION), selected(FUNCTION, found, None, scope), output, single=False)


def _live(kind: "Kind") -> "Kind":
    """Return the kind with columns of what happens now."""
    from hub.kernel.resource import Column

    def column(title: str, name: str) -> Column:
        return Column(title, lambda found: str(found.status["live"].get(name, "-")))

    live = (column("Processes", "instances"), column("Calls", "calls"), column("Failures", "failures"),
            column("Errors %", "errorPercent"), column("p50 ms", "p50Milliseconds"),
            column("p99 ms", "p99Milliseconds"))  # fmt: skip
    kept = [one for one in kind.columns if one.title not in ("Created", "Message")]
    return replace(kind, columns=(*kept, *live, *(one for one in kind.columns if one.title == "Message")))


@app.command(epilog="Example: hub function logs orders -f")
def logs(
    name: Name,
    scope: Scope = "default",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 100,
    only: Annotated[
        str | None, typer.Option("--only", help="Only lines of this invocation, event or trace.")
    ] = None,
    output: Text = "text",
) -> None:
    """Show what a Function printed: time, stream, invocation, event, text."""
    from hub.commands.function_text import belongs, shown
    from hub.commands.session import refusals_as_exit, say

    with refusals_as_exit():
        path = _log_file(scope, name)
        for line in _lines(path, lines, follow=follow):
            if only is None or belongs(line, only):
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
    from contracts.calls import TIMEOUT
    from hub.functions.outcomes import ERROR, STATUS
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
