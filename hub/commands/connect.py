"""`hub connect`: pair this machine as a connected solution, over the same public HTTP that any solution uses.

Needs no access to the hub's data directory. What it decides lives in `hub.commands.connection`.
"""

from pathlib import Path
from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(connect)


def connect(  # noqa: PLR0913, PLR0917 - the options of one command
    url: Annotated[str | None, typer.Argument(help="Pairing URL, from `hub token APP`.", metavar="URL")] = None,
    directory: Annotated[Path, typer.Option("--dir", help="Where the files are.")] = Path("hub-connection"),
    ca: Annotated[
        Path | None, typer.Option("--ca", help="The hub's ca.crt; found by itself on the hub's own machine.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier pairing in the directory.")] = False,
    renew: Annotated[bool, typer.Option("--renew", help="Exchange the certificate for a new one, now.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Stay, and renew the certificate each time before it ends.")
    ] = False,
    output: Annotated[str, typer.Option("-o", "--output", help="text, or json for programs.")] = "text",
) -> None:
    """Pair this machine as a connected solution: key, client certificate, addresses and options for curl.

    Without URL an earlier pairing in the directory is renewed (--renew) or kept (--keep); Ctrl-C ends the keeping.

    Example: hub connect 'https://localhost:8443/v1/applications/signingRequests/info?token=…' --dir shop
    """
    from hub.commands.connection import pairing, renewing
    from hub.commands.session import refusals_as_exit, say

    if (url is not None and renew) or (url is None and not (renew or keep)):
        raise typer.BadParameter("give a pairing URL (--keep then stays), or no URL and --renew or --keep.")
    with refusals_as_exit():
        if url is not None:
            _report(pairing.pair(url, directory, ca=ca or local_authority(), force=force), output, text_of)
        elif renew:
            _report(renewing.renew(directory), output, renewed_text_of)
        if keep:
            renewing.keep(directory, say)


def local_authority() -> Path | None:
    """Return the authority's certificate of the hub on this machine, if there is one."""
    from hub.settings import load

    path = load().data_dir / "ca.crt"
    return path if path.is_file() else None


def _report(connected: dict[str, Any], output: str, text: Any) -> None:
    from hub.commands.session import say, say_json

    if output == "json":
        say_json(connected)
    else:
        say(text(connected))


def text_of(paired: dict[str, Any]) -> str:
    """Return what a person is told after pairing."""
    return f"""This machine is paired as '{paired.get("application", "a runtime")}'. In {paired["directory"]}:

  key.pem           private key, readable by you only
  certificate.pem   client certificate ({paired["subject"]}) and its authority
  ca.pem            the authority, to check the hub by
  endpoints.json    the hub's addresses
  curl.conf         options for curl -K

{_next_steps(paired)}"""


def _next_steps(paired: dict[str, Any]) -> str:
    options = f"curl -K '{paired['directory']}/curl.conf'"
    if "eventsUrl" not in paired:
        return f"Next, ask who you are:\n\n  {options} {paired['infoUrl']}"
    return f"""Next, list the registered services and post an event:

  {options} {paired["metadataUrl"]}
  {options} {paired["eventsUrl"]} -H 'Content-Type: application/json' -d '{{"event-type": "order.created", \
"event-type-version": "v1", "event-time": "2030-01-01T00:00:00Z", "data": {{"order": 1}}}}'

Before the certificate ends:  hub connect --renew --dir '{paired["directory"]}'  (or --keep, which stays and does it)"""


def renewed_text_of(renewed: dict[str, Any]) -> str:
    """Return what a person is told after renewing."""
    return f"The certificate in {renewed['directory']} is new; good until {renewed['notAfter']}."
