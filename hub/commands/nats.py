"""`hub nats config|certificates|declare`: a NATS cluster of your own under the hub."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.commands.session import refusals_as_exit, say

if TYPE_CHECKING:
    from hub.cluster.permissions import Permissions

app = typer.Typer(no_args_is_help=True, help="A NATS cluster of your own under the hub.")

Nodes = Annotated[str, typer.Option("--nodes", help="Names or addresses of the nodes, commas between them.")]
Out = Annotated[Path, typer.Argument(help="Directory to write into.", file_okay=False)]


@app.command(epilog="Example: hub nats config ./nats --nodes nats-1,nats-2,nats-3")
def config(
    out: Out,
    nodes: Nodes,
    sync: Annotated[str, typer.Option(help="When a node flushes to disk: always, or an interval.")] = "2m",
    monitor: Annotated[str, typer.Option(help="Address that shows a node's state; it asks nobody who he is.")] = (
        "127.0.0.1"
    ),
    sink: Annotated[
        list[str] | None, typer.Option(help="Subject that Subscriptions may name as a sink, with wildcards.")
    ] = None,
) -> None:
    """Write the configuration of the nodes: TLS, accounts, and what each kind of worker may do.

    The files are the same for each node, which gets its own name from the environment variable NATS_NODE. They hold no
    secret. Write them again after an upgrade: a new version may need further permissions.
    """
    import asyncio

    from hub.cluster.configuration import ACCOUNTS_FILE, SERVER_FILE, Site, accounts_text, server_text

    site = Site(_names(nodes), sync, monitor)
    with refusals_as_exit():
        granted = asyncio.run(granted_to_all(sink or ()))
    out.mkdir(parents=True, exist_ok=True)
    for name, text in (
        (SERVER_FILE, server_text(site, "Written by `hub nats config`; TLS to clients and between nodes.")),
        (ACCOUNTS_FILE, accounts_text(granted, "Written by `hub nats config`, from what the workers do; no secret.")),
    ):
        (out / name).write_text(text, encoding="utf-8")
        say(f"written: {out / name}")


async def granted_to_all(sinks: Iterable[str]) -> "dict[str, Permissions]":
    """Return what each kind of process of the Procfile may do."""
    from hub.cluster.permissions import permissions_of, processes

    return {name: await permissions_of(name, rooms, sinks) for name, rooms in processes().items()}


@app.command(epilog="Example: hub nats certificates ./certificates --nodes nats-1,nats-2,nats-3")
def certificates(
    out: Out,
    nodes: Nodes,
    days: Annotated[int, typer.Option(min=1, help="Days for which they are good.")] = 365,
) -> None:
    """Make an authority for the cluster, a certificate for its nodes, and one for each kind of worker.

    Run again with the authority there, it renews the others. Keep ca.key away from the nodes.
    """
    from hub.cluster.certificates import write
    from hub.cluster.permissions import OPERATOR, SYSTEM, processes

    with refusals_as_exit():
        for path in write(out, _names(nodes), (*processes(), OPERATOR, SYSTEM), days):
            say(f"written: {path}")


@app.command(epilog="Example: HUB_NATS__URL=tls://nats-1:4222 hub nats declare")
def declare() -> None:
    """Prepare streams and buckets by the settings, with the operator's credential; safe to repeat.

    Workers whose credentials may not (HUB_NATS__DECLARE_LAYOUT=false) wait for it. Run it first in an upgrade, too.
    """
    import asyncio

    from hub import settings
    from hub.commands.session import quiet_logs, reach

    async def declared() -> None:
        from hub.layout import declare as prepare

        quiet_logs()
        tree = settings.load()
        tree.nats.declare_layout = True
        client = await reach(tree)
        try:
            await prepare(client.jetstream(timeout=60), tree.kernel())
        finally:
            await client.close()

    with refusals_as_exit():
        asyncio.run(declared())
    say("Streams and buckets are as the settings say.")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
