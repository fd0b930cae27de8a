"""`hub connect`: pair this machine as a connected solution, over the same public HTTP that any solution uses.

Needs no access to the hub's data directory. The token is used up by the first call, so everything that can be refused
here is refused before: the directory, the address, the files that would be overwritten.
"""

import base64
import binascii
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qs, urlsplit

import typer

from hub.kernel.errors import AlreadyExists, HubError, InvalidInput, NotPermitted, UpstreamRefused, UpstreamUnavailable

if TYPE_CHECKING:
    import httpx

FILES = ("key.pem", "certificate.pem", "ca.pem", "endpoints.json", "curl.conf")
"""What is written: private key, certificate with its authority's, authority, addresses, options for `curl -K`."""


ADDRESSES = ("metadataUrl", "eventsUrl", "eventsInfoUrl", "renewCertUrl", "revokeCertUrl")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(connect)


def connect(
    url: Annotated[str, typer.Argument(help="Pairing URL, from `hub token APP`.", metavar="URL")],
    directory: Annotated[Path, typer.Option("--dir", help="Where to write the files.")] = Path("hub-connection"),
    ca: Annotated[
        Path | None, typer.Option("--ca", help="The hub's ca.crt; found by itself on the hub's own machine.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier pairing in the directory.")] = False,
    output: Annotated[str, typer.Option("-o", "--output", help="text, or json for programs.")] = "text",
) -> None:
    """Pair this machine as a connected solution: key, client certificate, addresses and options for curl.

    Example: hub connect 'https://localhost:8443/v1/applications/signingRequests/info?token=…' --dir shop
    """
    from hub.commands.session import refusals_as_exit, say, say_json

    with refusals_as_exit():
        paired = pair(url, directory, ca=ca or local_authority(), force=force)
    if output == "json":
        say_json(paired)
    else:
        say(text_of(paired))


def local_authority() -> Path | None:
    """Return the authority's certificate of the hub on this machine, if there is one."""
    from hub.settings import load

    path = load().data_dir / "ca.crt"
    return path if path.is_file() else None


def pair(url: str, directory: Path, *, ca: Path | None = None, force: bool = False) -> dict[str, Any]:
    """Pair and write the files; returns the addresses, the subject and the directory.

    Raises:
        AlreadyExists: the directory holds an earlier pairing.
        InvalidInput: the URL is none, or the CA file cannot be read.
        NotPermitted: the token is unknown, expired or used.
        UpstreamUnavailable, UpstreamRefused: the hub does not answer, is not trusted, or answers something else.
    """
    check_url(url)
    prepare(directory, force=force)
    hub = Caller(_trust(ca), ca)
    info = hub.call("GET", url, 200)
    private = new_key()
    request = request_of(private, _text_at(info, "certificate", "subject"))
    answered = hub.call("POST", _text_at(info, "csrUrl"), 201, {"csr": request})
    chain, authority = _pem(answered, "crt"), _pem(answered, "caCrt")
    folder = directory.resolve()
    _write(folder / "key.pem", private, 0o600)
    _write(folder / "certificate.pem", chain)
    _write(folder / "ca.pem", _merged(authority, ca))
    hub.context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return _finish(hub, info, folder)


def _finish(hub: "Caller", info: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Ask who we are now, with the certificate: that proves it, and names the addresses for later."""
    import orjson

    try:
        known = hub.call("GET", _text_at(info, "api", "infoUrl"), 200)
    except HubError as error:
        raise error.within(f"Key and certificate are in {folder}, but they could not be tried out") from error
    endpoints = {
        "application": _text_at(known, "clientIdentity", "application"),
        "subject": _text_at(info, "certificate", "subject"),
        "infoUrl": _text_at(info, "api", "infoUrl"),
        **{name: _text_at(known, "urls", name) for name in ADDRESSES},
        "key": str(folder / "key.pem"),
        "certificate": str(folder / "certificate.pem"),
        "ca": str(folder / "ca.pem"),
    }
    _write(folder / "endpoints.json", orjson.dumps(endpoints, option=orjson.OPT_INDENT_2) + b"\n")
    _write(folder / "curl.conf", curl_options(folder, own_authority=hub.ca is not None).encode())
    return {"directory": str(folder), **endpoints}


def check_url(url: str) -> None:
    """Accept an https URL that carries a token.

    Raises:
        InvalidInput: it is none; the text does not repeat it, for it may hold a token.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or not parse_qs(parts.query).get("token"):
        raise InvalidInput(
            "This is no pairing URL (https://…/v1/applications/signingRequests/info?token=…); make one with "
            "`hub token APP` and quote it."
        )


def prepare(directory: Path, *, force: bool) -> None:
    """Make the directory, readable by its owner only.

    Raises:
        AlreadyExists: it holds an earlier pairing, and that is not to be replaced.
        InvalidInput: it cannot be written.
    """
    present = [name for name in FILES if (directory / name).exists()]
    if present and not force:
        raise AlreadyExists(
            f"{directory} holds {present[0]} of an earlier pairing; choose another --dir, or replace it with --force."
        )
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(directory / ".writable", b"")
        (directory / ".writable").unlink()
    except OSError as error:
        raise InvalidInput(f"{directory} cannot be written ({error.strerror}); choose another --dir.") from error


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls the hub; the context learns the client certificate once there is one."""

    context: ssl.SSLContext
    ca: Path | None

    def call(self, method: str, url: str, expected: int, body: dict[str, str] | None = None) -> dict[str, Any]:
        """Return the JSON of an answer with the expected status."""
        import httpx

        try:
            # A connection for each call: the client certificate is presented when a connection is made.
            with httpx.Client(verify=self.context, timeout=30) as client:
                response = client.request(method, url, json=body)
        except httpx.HTTPError as error:
            raise _unanswered(urlsplit(url).netloc, error) from error
        if response.status_code != expected:
            raise _refused(response)
        try:
            answer: dict[str, Any] = response.json()
        except ValueError as error:
            raise UpstreamRefused(f"{urlsplit(url).netloc} answers, but not as a hub does; check the URL.") from error
        return answer


def new_key() -> bytes:
    """Make a private key (RSA 2048, as the hub announces) as PEM."""
    from hub.connector import authority

    return authority.key_pem(authority.new_key("rsa-2048"))


def request_of(private: bytes, subject: str) -> str:
    """Return a signing request for a subject as the hub gave it: base64 of PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    from hub.connector.subject import parse, to_name

    key = serialization.load_pem_private_key(private, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the key of a pairing is RSA")
    request = x509.CertificateSigningRequestBuilder().subject_name(to_name(parse(subject))).sign(key, hashes.SHA256())
    return base64.b64encode(request.public_bytes(serialization.Encoding.PEM)).decode()


def curl_options(folder: Path, *, own_authority: bool) -> str:
    """Return options for `curl -K`: who we are, and whom to trust."""
    lines = {"cert": folder / "certificate.pem", "key": folder / "key.pem"}
    lines |= {"cacert": folder / "ca.pem"} if own_authority else {}
    quoted = ((name, str(path).replace("\\", "\\\\").replace('"', '\\"')) for name, path in lines.items())
    return "".join(f'{name} = "{path}"\n' for name, path in quoted)


def text_of(paired: dict[str, Any]) -> str:
    """Return what a person is told."""
    options = f"curl -K '{paired['directory']}/curl.conf'"
    return f"""This machine is paired as '{paired["application"]}'. In {paired["directory"]}:

  key.pem           private key, readable by you only
  certificate.pem   client certificate ({paired["subject"]}) and its authority
  ca.pem            the authority, to check the hub by
  endpoints.json    the hub's addresses
  curl.conf         options for curl -K

Next, list the registered services and post an event:

  {options} {paired["metadataUrl"]}
  {options} {paired["eventsUrl"]} -H 'Content-Type: application/json' -d '{{"event-type": "order.created", \
"event-type-version": "v1", "event-time": "2030-01-01T00:00:00Z", "data": {{"order": 1}}}}'"""


def _trust(ca: Path | None) -> ssl.SSLContext:
    from hub.kernel.http.client import trust

    try:
        return trust(ca)
    except (OSError, ssl.SSLError) as error:
        raise InvalidInput(f"{ca} cannot be read as a PEM certificate; pass the hub's ca.crt as --ca.") from error


def _unanswered(host: str, error: "httpx.HTTPError") -> UpstreamUnavailable:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return UpstreamUnavailable(
            f"The certificate of {host} is not trusted. Copy ca.crt from the data directory of the hub (`hub token` "
            "prints its path) and pass it as --ca FILE."
        )
    return UpstreamUnavailable(f"{host} does not answer ({error}); is the hub up, and the address right?")


def _refused(response: "httpx.Response") -> HubError:
    try:
        said = str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        said = "no reason given"
    if response.status_code == 403:
        return NotPermitted(
            f"The hub refuses: {said} A token is good for one use and a few minutes; make a new one with "
            "`hub token APP`."
        )
    return UpstreamRefused(f"The hub refuses with status {response.status_code}: {said}")


def _text_at(answered: Any, *names: str) -> str:
    for name in names:
        answered = answered.get(name) if isinstance(answered, dict) else None
    if not isinstance(answered, str):
        raise UpstreamRefused(f"The hub's answer has no {'.'.join(names)}; check the URL.")
    return answered


def _pem(answered: dict[str, Any], member: str) -> bytes:
    try:
        return base64.b64decode(_text_at(answered, member), validate=True)
    except binascii.Error as error:
        raise UpstreamRefused(f"The hub's answer has no readable {member}; check the URL.") from error


def _merged(authority: bytes, ca: Path | None) -> bytes:
    """Return the authority of the client certificate, and the one that vouches for the server where it is another."""
    given = ca.read_bytes() if ca is not None else b""
    return authority if given.strip() in authority else authority + given


def _write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file whole or not at all."""
    import os

    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    draft.replace(path)
