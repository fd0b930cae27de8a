"""Pairing: from a URL with a token to the files of a connection.

The token is used up by the first call, so everything that can be refused here is refused before: the directory, the
address, the files that would be overwritten. The key is on the disk before a certificate is asked for.
"""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hub.commands.connection import folder as files
from hub.commands.connection.calling import Caller, caller, pem_at, text_at
from hub.commands.connection.requesting import new_key, request_of
from hub.kernel.errors import HubError, InvalidInput

ADDRESSES = ("metadataUrl", "eventsUrl", "eventsInfoUrl", "renewCertUrl", "revokeCertUrl")
_RUNTIMES_LACK = ("metadataUrl", "eventsUrl", "eventsInfoUrl")


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


def pair(url: str, directory: Path, *, ca: Path | None = None, force: bool = False) -> dict[str, Any]:
    """Pair and write the files; returns the addresses, the subject and the directory.

    Raises:
        AlreadyExists: the directory holds an earlier pairing.
        InvalidInput: the URL is none, or the CA file cannot be read.
        NotPermitted: the token is unknown, expired or used.
        UpstreamUnavailable, UpstreamRefused: the hub does not answer, is not trusted, or answers something else.
    """
    check_url(url)
    files.prepare(directory, force=force)
    hub = caller(ca)
    info = hub.call("GET", url, 200)
    private = new_key()
    answered = hub.call(
        "POST", text_at(info, "csrUrl"), 201, {"csr": request_of(private, text_at(info, "certificate", "subject"))}
    )
    chain, authorities = pem_at(answered, "crt"), pem_at(answered, "caCrt")
    folder = directory.resolve()
    files.write(folder / "key.pem", private, 0o600)
    files.write(folder / "certificate.pem", chain)
    files.write(folder / "ca.pem", files.merged(authorities, ca.read_bytes() if ca is not None else b""))
    return _finish(hub, info, folder)


def _finish(hub: Caller, info: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Ask who we are now, with the certificate: that proves it, and names the addresses for later."""
    hub.context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    url = text_at(info, "api", "infoUrl")
    try:
        known = hub.call("GET", url, 200)
    except HubError as error:
        raise error.within(f"Key and certificate are in {folder}, but they could not be tried out") from error
    endpoints = {**endpoints_of(known, url, folder), "subject": text_at(info, "certificate", "subject")}
    files.write_endpoints(folder, endpoints)
    files.write(folder / "curl.conf", files.curl_options(folder, own_authority=hub.ca is not None).encode())
    return {"directory": str(folder), **endpoints}


def endpoints_of(known: dict[str, Any], url: str, folder: Path) -> dict[str, Any]:
    """Return what is written about a connection, from the hub's management information at this URL.

    Raises:
        UpstreamRefused: the answer lacks an address.
    """
    identity = known.get("clientIdentity")
    names: tuple[str, ...] = ADDRESSES
    if isinstance(identity, dict) and "application" not in identity:  # a runtime
        names = tuple(name for name in ADDRESSES if name not in _RUNTIMES_LACK)
    return {
        **(identity if isinstance(identity, dict) else {}),
        "infoUrl": url,
        **{name: text_at(known, "urls", name) for name in names},
        "key": str(folder / "key.pem"),
        "certificate": str(folder / "certificate.pem"),
        "ca": str(folder / "ca.pem"),
    }
