"""`hub token`: a pairing URL for an Application."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hub.commands.session import Session

_API_VERSION = "applicationconnector.kyma-project.io/v1alpha1"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(token)


def token(
    application: Annotated[str, typer.Argument(help="Name of the Application to pair with.", metavar="APP")],
    create: Annotated[bool, typer.Option("--create", help="Create the Application when there is none.")] = False,
    output: Annotated[str, typer.Option("-o", "--output", help="text, or json for programs.")] = "text",
) -> None:
    """Print a pairing URL: whoever has it can get a client certificate for the Application, once, within minutes.

    Example: hub token shop --create
    """
    from hub.commands.session import call, say, say_json

    async def act(session: "Session") -> dict[str, Any]:
        return await offer(session, application, create=create)

    offered = call(act)
    if output == "json":
        say_json(offered)
    else:
        say(text_of(offered))


async def offer(session: "Session", application: str, *, create: bool) -> dict[str, Any]:
    """Return a pairing URL with its token, its end and where the authority's certificate lies.

    Raises:
        NotFound: there is no such Application, and it was not to be created.
    """
    if create:
        await _create(session, application)
    offered = await session.ask("tokens", "create", {"application": application})
    return {"application": application, **offered, "ca": str(session.settings.data_dir / "ca.crt")}


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
