"""`hub compass`: the connection with Compass; pair, look, synchronize, and see beforehand what that would do."""

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from hub.commands.session import Session

app = typer.Typer(help="The connection with Compass: Applications come from its Director.", no_args_is_help=True)
PLURAL = "compassconnections"
SCOPE = "kyma-system"
PAIRING = "compass-agent-configuration"
_SYNC_SECONDS = 300.0
_PAIR_SECONDS = 60.0
_LOOK_SECONDS = 0.2
Output = Annotated[Literal["table", "json"], typer.Option("-o", "--output", help="For people, or for programs.")]


@app.command(epilog="Example: hub compass status -o json")
def status(output: Output = "table") -> None:
    """Show the connection, the last synchronization and what needs attention; exit status 1 when something does."""
    from hub.commands.session import call, say_json

    told = call(lambda session: session.ask(PLURAL, "status", {}))
    if output == "json":
        say_json(told)
    else:
        _say_status(told)
    if told["alerts"]:
        raise typer.Exit(1)


@app.command(
    epilog="Example: hub compass pair --connector-url https://compass-gateway.example.com/connector/graphql"
    " --runtime-id 5f0b… --tenant 3e64… --token - < token.txt"
)
def pair(
    connector_url: Annotated[str, typer.Option(help="Address of the Connector for one-time tokens.")],
    runtime_id: Annotated[str, typer.Option(help="Id of this Runtime at the Director.")],
    token: Annotated[str, typer.Option(help="One-time token for this Runtime; `-` reads it from standard input.")],
    tenant: Annotated[str, typer.Option(help="Tenant of the Runtime.")] = "",
    output: Output = "table",
) -> None:
    """Connect the hub with Compass, or connect it anew: the token becomes a client certificate."""
    from hub.commands.session import call, say, say_json

    given = sys.stdin.readline().strip() if token == "-" else token  # noqa: S105 - stands for standard input
    values = {"CONNECTOR_URL": connector_url, "RUNTIME_ID": runtime_id, "TENANT": tenant, "TOKEN": given}
    connection = call(lambda session: _pair(session, values))
    if output == "json":
        say_json(connection)
    else:
        say(f"Connected with Compass as {runtime_id}: {connection['status']['connectionState']}.")


async def _pair(session: "Session", values: dict[str, str]) -> dict[str, Any]:
    """Store the pairing Secret and wait for what becomes of it.

    Raises:
        UpstreamRefused: pairing failed; the text says why.
        UpstreamUnavailable: nothing has become of it yet.
    """
    import asyncio
    import time

    from hub.kernel.errors import UpstreamRefused, UpstreamUnavailable

    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": PAIRING}, "stringData": values}
    stored = await session.ask("secrets", "apply", {"document": document, "scope": SCOPE})
    revision = int(stored["resource"]["metadata"]["resourceVersion"])
    limit = time.monotonic() + _PAIR_SECONDS
    while time.monotonic() < limit:
        told = await session.ask(PLURAL, "status", {})
        status = (told["connection"] or {}).get("status") or {}
        if int(status.get("observedPairing", 0)) >= revision:
            if status["connectionState"].startswith("Connection"):
                raise UpstreamRefused(f"{status['connectionState']}: {status['connectionStatus'].get('error', '')}")
            found: dict[str, Any] = told["connection"]
            return found
        await asyncio.sleep(_LOOK_SECONDS)
    raise UpstreamUnavailable("Nothing has become of the pairing yet; does `compass` run? hub compass status")


@app.command(epilog="Examples: hub compass sync · hub compass sync --dry-run · hub compass sync --accept-removals")
def sync(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done; the same as diff.")] = False,
    accept_removals: Annotated[
        bool, typer.Option("--accept-removals", help="Remove as many Applications as the Director lists no more.")
    ] = False,
    output: Output = "table",
) -> None:
    """Synchronize with the Director now; exit status 1 when it fails or a single Application does."""
    from hub.commands.session import call, say, say_error, say_json

    if dry_run:
        diff(output)
        return
    wish = {"acceptRemovals": accept_removals}
    answer = call(lambda session: session.ask(PLURAL, "synchronize", wish, _SYNC_SECONDS))
    reached: dict[str, Any] = answer["connection"]["status"]
    error = (reached.get("synchronizationStatus") or {}).get("error") or ""
    if output == "json":
        say_json(reached)
    else:
        said = reached.get("applications") or {}
        say(f"{reached['connectionState']}: {_counted(said)}")
        _say_failures(said.get("failures") or ())
    if error or reached["connectionState"] != "Synchronized":
        say_error(error or (reached.get("connectionStatus") or {}).get("error") or "see hub compass status")
        raise typer.Exit(1)


@app.command(epilog="Example: hub compass diff -o json")
def diff(output: Output = "table") -> None:
    """Say what a synchronization would do now, and why, without doing it."""
    from hub.commands.session import call, say, say_json
    from hub.commands.tables import say_table

    told = call(lambda session: session.ask(PLURAL, "preview", {}, _SYNC_SECONDS))
    if output == "json":
        say_json(told)
        return
    rows = [(verb, name, ", ".join(told["changes"].get(name, ()))) for verb in ("create", "update", "remove")
            for name in told[verb]]  # fmt: skip
    rows += [("keep", name, "gone at the Director") for name in told["withheldRemovals"]]
    rows += [("fail", failure["name"], failure["error"]) for failure in told["failures"]]
    if rows:
        say_table(("Do", "Application", "What"), rows)
    say(f"{told['total']} applications at the Director, {told['unchanged']} of them unchanged.")
    if told["reason"]:
        say(told["reason"])


def _say_status(told: dict[str, Any]) -> None:
    from hub.commands.session import say

    if told["mode"] == "standalone":
        say("Standalone: no pairing Secret. Connect with Compass: hub compass pair")
        return
    status = (told["connection"] or {}).get("status") or {}
    connected, synchronized = (status.get(name) or {} for name in ("connectionStatus", "synchronizationStatus"))
    pairing = told["pairing"] or {}
    lines = {
        "State": status.get("connectionState", "not connected yet"),
        "Runtime": pairing.get("runtimeId", ""),
        "Tenant": pairing.get("tenant", ""),
        "Certificate until": (connected.get("certificateStatus") or {}).get("notAfter", ""),
        "Synchronized": synchronized.get("lastSuccessfulApplication", "never"),
        "Last attempt": synchronized.get("lastAttempt", ""),
        "Applications": _counted(status.get("applications") or {}),
    }
    for name, value in lines.items():
        say(f"{name:<18} {value}")
    for alert in told["alerts"]:
        say(f"{'ALERT':<18} {alert}")
    _say_problems((status.get("applications") or {}).get("problems") or ())


def _counted(said: dict[str, Any]) -> str:
    names = ("total", "created", "updated", "removed", "unchanged", "failed", "withheld")
    return ", ".join(f"{said[name]} {name}" for name in names if said.get(name)) or "none"


def _say_failures(failures: Any) -> None:
    from hub.commands.session import say

    for failure in failures:
        say(f"  {failure['name']} ({failure['operation']}): {failure['error']}")


def _say_problems(problems: Any) -> None:
    from hub.commands.session import say

    for found in problems:
        for problem in found["problems"]:
            say(f"{'Left out':<18} {found['name']}: {problem}")
