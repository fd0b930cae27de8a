"""`hub doctor`: what is wrong with this hub, and what to do about it."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from hub.commands.checkup.finding import Finding
    from hub.settings import HubSettings

_MARKS = {"ok": ("ok", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "bold red")}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Examples: hub doctor · hub doctor -o json · HUB_NATS__URL=nats://… hub doctor")(doctor)


def doctor(
    output: Annotated[Literal["text", "json"], typer.Option("-o", "--output", help="For people or programs.")] = "text",
) -> None:
    """Look over the machine, the certificates, the event store, Subscriptions and Functions.

    Every line is ok, warn or FAIL, with what to do. Changes nothing. Exit status 1 when anything fails.
    """
    from hub import settings
    from hub.commands.session import quiet_logs, refusals_as_exit, say_json

    with refusals_as_exit():
        tree = settings.load()
    quiet_logs()
    findings = asyncio.run(examine(tree))
    failed = any(finding.level == "fail" for finding in findings)
    if output == "json":
        say_json({"ok": not failed, "checks": [finding.as_document() for finding in findings]})
    else:
        _say(findings)
    raise typer.Exit(1 if failed else 0)


async def examine(settings: "HubSettings") -> list["Finding"]:
    """Return everything that was found."""
    from hub.commands.checkup import certificates, machine

    data_dir = settings.data_dir.expanduser().resolve()
    standing, document = machine.check_hub(data_dir)
    findings = [machine.check_directory(data_dir), machine.check_disk(data_dir, settings.streams.max_bytes)]
    if settings.nats.url is None:
        findings.append(machine.check_program())
    findings.append(standing)
    findings += await asyncio.to_thread(lambda: [*machine.check_processes(document)] if document else [])
    findings += await asyncio.to_thread(lambda: [*machine.check_ports(settings, document)])
    now = certificates.now_utc()
    findings.append(certificates.check_authority(data_dir / "ca.crt", now))
    edge = (document or {}).get("listeners", {}).get("edge")
    if edge and (data_dir / "ca.crt").exists():
        findings.append(await asyncio.to_thread(certificates.check_edge, edge, data_dir / "ca.crt", now))
    if settings.nats.url is None and document is None:
        return findings  # there is no event store to look at
    return findings + await _examine_store(settings)


async def _examine_store(settings: "HubSettings") -> list["Finding"]:
    from hub.commands.checkup.finding import fail
    from hub.commands.checkup.store import check_store
    from hub.commands.session import Session, reach
    from hub.kernel.errors import HubError

    try:
        client = await reach(settings)
    except HubError as error:
        return [fail("event store", error.detail, "start it, or correct HUB_NATS__URL")]
    try:
        return [finding async for finding in check_store(Session(settings, client, client.jetstream()))]
    finally:
        await client.close()


def _say(findings: list["Finding"]) -> None:
    from rich.console import Console
    from rich.text import Text

    from hub.commands.escaping import visible

    console = Console(highlight=False, soft_wrap=True)
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        mark, style = _MARKS[finding.level]
        advice = f" - {finding.advice}" if finding.advice else ""
        text = visible(f"{finding.name:<{width}}  {finding.text}{advice}")
        console.print(Text(f"{mark:<5}", style=style), Text(text), sep="")
    counts = {level: sum(finding.level == level for finding in findings) for level in _MARKS}
    console.print(f"{counts['ok']} ok, {counts['warn']} to look at, {counts['fail']} failed")
