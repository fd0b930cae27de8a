"""`hub connector`: the authority behind the client certificates, and certificates that must not be used any more."""

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(help="The hub's certificate authority and the certificates it issued.", no_args_is_help=True)
ca = typer.Typer(help="The authority: show it, exchange it.", no_args_is_help=True)
app.add_typer(ca, name="ca")

Output = Annotated[str, typer.Option("-o", "--output", help="text, or json for programs.")]


@ca.command()
def show(output: Output = "text") -> None:
    """Show the authorities that are trusted now, newest first."""
    _report(_ask("authorities", "list", {}), output)


@ca.command()
def rotate(output: Output = "text") -> None:
    """Begin to issue with a new authority while the old one stays trusted; nobody is disconnected.

    The new one is made by the hub, or is the one that HUB_CONNECTOR__CA_CERTIFICATE_FILE and _CA_KEY_FILE hold now.
    Each solution moves over when it renews its certificate. When all have, end the old one with `finish`.
    """
    _report(_ask("authorities", "rotate", {}), output)


@ca.command()
def finish(
    force: Annotated[
        bool, typer.Option("--force", help="Cut off whoever has not renewed since; for a key that was lost.")
    ] = False,
    output: Output = "text",
) -> None:
    """End every authority but the newest: its certificates are refused from now on, on open connections too.

    Refused while such certificates may still be in use, unless --force.
    """
    _report(_ask("authorities", "finish", {"force": force}), output)


@app.command(epilog="Example: hub connector revoke shop --certificate shop/certificate.pem --reason 'laptop lost'")
def revoke(
    application: Annotated[str, typer.Argument(help="The Application whose certificate it is.", metavar="APP")],
    fingerprint: Annotated[str | None, typer.Argument(help="SHA-256 of the certificate, hexadecimal.")] = None,
    certificate: Annotated[Path | None, typer.Option("--certificate", help="The certificate instead, PEM.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; recorded.")] = "",
    output: Output = "text",
) -> None:
    """Revoke a certificate: it is refused from the next request on, on open connections too."""
    from hub.commands.session import refusals_as_exit, say, say_json

    if (fingerprint is None) == (certificate is None):
        raise typer.BadParameter("give the fingerprint, or --certificate FILE.")
    with refusals_as_exit():
        named = fingerprint or fingerprint_of(certificate or Path())
    answer = _ask("revocations", "create", {"application": application, "fingerprint": named, "reason": reason})
    if output == "json":
        say_json(answer)
    else:
        say(f"{answer['fingerprint']} {answer['outcome']}")


def fingerprint_of(path: Path) -> str:
    """Return the fingerprint of the first certificate in a PEM file.

    Raises:
        InvalidInput: there is none.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    from hub.kernel.errors import InvalidInput

    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).fingerprint(SHA256()).hex()
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read as a PEM certificate.") from error


def _ask(plural: str, verb: str, request: dict[str, Any]) -> dict[str, Any]:
    from hub.commands.operator import operator
    from hub.commands.session import call

    return call(lambda session: session.ask(plural, verb, {**request, "actor": operator()}))


def _report(answer: dict[str, Any], output: str) -> None:
    from hub.commands.session import say, say_json

    if output == "json":
        say_json(answer)
        return
    for row in answer["authorities"]:
        say(text_of(row))


def text_of(row: dict[str, Any]) -> str:
    """Return what a person is told of one authority."""
    lines = [
        f"{row['state']}: {row['subject']} ({row['algorithm']})",
        f"  issues since   {row['since']}",
        f"  good until     {row['notAfter']}",
        f"  fingerprint    {row['fingerprint']}",
    ]
    if "usedUntil" in row:
        lines.append(f"  certificates of it may be in use until {row['usedUntil']}; then `hub connector ca finish`")
    return "\n".join(lines)
