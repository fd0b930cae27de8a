"""The files of a connection: what they are, and that each is there whole or not at all.

The private key is written once, before the first certificate, and stays: renewing replaces the certificate only, in one
step, so that at no moment key and certificate are of two pairings.
"""

import os
from pathlib import Path
from typing import Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from hub.kernel.errors import AlreadyExists, InvalidInput, NotFound

FILES = ("key.pem", "certificate.pem", "ca.pem", "endpoints.json", "curl.conf")
"""What is written: private key, certificate with its authority's, authority, addresses, options for `curl -K`."""


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
        write(directory / ".writable", b"")
        (directory / ".writable").unlink()
    except OSError as error:
        raise InvalidInput(f"{directory} cannot be written ({error.strerror}); choose another --dir.") from error


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read(path: Path) -> bytes:
    """Return a file of an earlier pairing.

    Raises:
        NotFound: it is not there, or cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(
            f"{path} cannot be read ({error.strerror}); pair first with `hub connect URL`, or name a pairing's --dir."
        ) from error


def read_endpoints(folder: Path) -> dict[str, Any]:
    """Return the addresses of an earlier pairing.

    Raises:
        NotFound: there is none.
        InvalidInput: the file is not what `hub connect` writes.
    """
    path = folder / "endpoints.json"
    try:
        endpoints = orjson.loads(read(path))
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{path} is not JSON; pair again with --force.") from error
    if not isinstance(endpoints, dict):
        raise InvalidInput(f"{path} is not what `hub connect` writes; pair again with --force.")
    return endpoints


def write_endpoints(folder: Path, endpoints: dict[str, Any]) -> None:
    """Write the addresses."""
    write(folder / "endpoints.json", orjson.dumps(endpoints, option=orjson.OPT_INDENT_2) + b"\n")


def curl_options(folder: Path, *, own_authority: bool) -> str:
    """Return options for `curl -K`: who we are, and whom to trust."""
    lines = {"cert": folder / "certificate.pem", "key": folder / "key.pem"}
    lines |= {"cacert": folder / "ca.pem"} if own_authority else {}
    quoted = ((name, str(path).replace("\\", "\\\\").replace('"', '\\"')) for name, path in lines.items())
    return "".join(f'{name} = "{path}"\n' for name, path in quoted)


def merged(received: bytes, held: bytes) -> bytes:
    """Return whom to trust from now on: what the hub sent, and what we held besides.

    A held certificate that has the name of a received one and is not received any more is an older authority of the
    hub: it has been ended, and is not kept.
    """
    new = x509.load_pem_x509_certificates(received)
    names = {certificate.subject for certificate in new}
    old = x509.load_pem_x509_certificates(held) if held.strip() else []
    kept = [certificate for certificate in old if certificate.subject not in names]
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in (*new, *kept))
