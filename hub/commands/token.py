"""`hub token`: a pairing URL for an Application or a runtime, or the token of a service on this side."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hub.commands.session import Session

_API_VERSION = "applicationconnector.kyma-project.io/v1alpha1"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(token)


def token(  # noqa: PLR0913, PLR0917 - every option is a parameter
    application: Annotated[
        str | None, typer.Argument(help="Name of the Application to pair with.", metavar="APP", show_default=False)
    ] = None,
    create: Annotated[bool, typer.Option("--create", help="Create the Application when there is none.")] = False,
    runtime: Annotated[
        bool, typer.Option("--runtime", help="For a runtime instead; needs --tenant and --group.")
    ] = False,
    tenant: Annotated[str, typer.Option("--tenant", help="Tenant of the runtime.")] = "",
    group: Annotated[str, typer.Option("--group", help="Group of the runtime.")] = "",
    workload: Annotated[
        str,
        typer.Option("--workload", help="For a service on this side instead: SCOPE/NAME; the token has no end."),
    ] = "",
    output: Annotated[str, typer.Option("-o", "--output", help="text, or json for programs.")] = "text",
) -> None:
    """Print a pairing URL: whoever has it can get a client certificate for the Application, once, within minutes.

    Tenant and group of an Application are those of its document. With --workload it prints what a service on another
    machine sends as Hub-Workload-Token to the internal listener and the gateway.

    Example: hub token shop --create
    """
    from hub.commands.session import call, say, say_json

    if bool(application) + runtime + bool(workload) != 1 or runtime != bool(tenant or group):
        raise typer.BadParameter("name an Application, or give --runtime with --tenant and --group, or --workload.")

    async def act(session: "Session") -> dict[str, Any]:
        if workload:
            return await vouch(session, workload)
        if application is None:
            return await offer_runtime(session, tenant, group)
        return await offer(session, application, create=create)

    offered = call(act)
    if output == "json":
        say_json(offered)
    else:
        say(offered["token"] if workload else text_of(offered))


async def offer(session: "Session", application: str, *, create: bool) -> dict[str, Any]:
    """Return a pairing URL with its token, its end and where the authority's certificate lies.

    Raises:
        NotFound: there is no such Application, and it was not to be created.
    """
    if create:
        await _create(session, application)
    return await _offer(session, {"application": application}, application)


async def offer_runtime(session: "Session", tenant: str, group: str) -> dict[str, Any]:
    """Return the same for a runtime.

    Raises:
        MissingField: tenant or group is missing.
    """
    return await _offer(session, {"runtime": True, "tenant": tenant, "group": group}, f"runtime-{tenant}-{group}")


async def vouch(session: "Session", workload: str) -> dict[str, Any]:
    """Return the token of a workload that the hub does not run itself.

    Raises:
        InvalidField: it is not named by scope and name.
    """
    from hub.commands.operator import operator

    return await session.ask("tokens", "vouch", {"workload": workload, "actor": operator()})


async def _offer(session: "Session", wanted: dict[str, Any], name: str) -> dict[str, Any]:
    from hub.commands.operator import operator

    offered = await session.ask("tokens", "create", {**wanted, "actor": operator()})
    return {"application": name, **offered, "ca": str(session.settings.data_dir / "ca.crt")}


async def _create(session: "Session", application: str) -> None:
    """Create the Application unless it is there: an existing one keeps everything it has."""
    if any(known.name == application for known in await session.resources("applications")):
        return
    document = {"apiVersion": _API_VERSION, "kind": "Application", "metadata": {"name": application}, "spec": {}}
    await session.ask("applications", "apply", {"document": document})


def text_of(offered: dict[str, Any]) -> str:
    """Return what a person is told."""
    return f"""Pairing URL of '{offered["application"]}', good for one use until {offered["expires"]}:

  {offered["url"]}

Whoever has it gets a client certificate for '{offered["application"]}'. Pair a machine with:

  hub connect '{offered["url"]}' --dir {offered["application"]}

On another machine add --ca FILE, a copy of {offered["ca"]}."""
