"""PURE. Reads `X-Forwarded-Client-Cert`: what a proxy that ends TLS says about the certificates of its own callers.

The header is a list of elements (commas) of pairs (semicolons); values may be quoted, quotes inside are escaped. Each
proxy on the way appends its element, so the last one that names a certificate is the word of the nearest proxy; what a
caller put in front of it claims nothing. Who may send the header at all is decided elsewhere, by address.

Source: envoyproxy/envoy:docs/root/configuration/http/http_conn_man/headers.rst, x-forwarded-client-cert.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from hub.kernel.errors import NotPermitted

HEADER = b"x-forwarded-client-cert"
_PAIR = re.compile(r'\s*([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;=]*))\s*(;|,|$)', re.DOTALL)
_ESCAPED = re.compile(r"\\([\"\\])")
_SINGLE = ("subject", "hash", "cert")
# Attributes besides those of RFC 4514 that names in certificates have and openssl writes by these names.
_NAMES = {"emailAddress": NameOID.EMAIL_ADDRESS, "serialNumber": NameOID.SERIAL_NUMBER}


@dataclass(frozen=True, slots=True)
class Presented:
    """One client certificate, as a proxy describes it."""

    subject: str
    """Distinguished name as in RFC 4514; empty when the proxy sent the certificate alone."""
    fingerprint: str
    """SHA-256 of the certificate as the proxy says it, lower-case hexadecimal; may be empty beside a certificate."""
    certificate: bytes | None
    """The certificate itself (DER), where the proxy sends it."""


def read(value: str) -> Presented:
    """Return the caller's certificate of a header's value: the last element that names one.

    Raises:
        NotPermitted: the value cannot be read, or names no certificate that could be checked.
    """
    named = [presented for presented in map(_presented, _elements(value)) if presented is not None]
    if not named:
        raise NotPermitted("no valid subject found in X-Forwarded-Client-Cert; let the proxy send Subject and Hash.")
    if not named[-1].fingerprint and named[-1].certificate is None:
        raise NotPermitted(
            "X-Forwarded-Client-Cert has neither Hash nor Cert, so nobody can tell whether the certificate is revoked; "
            "let the proxy send one."
        )
    return named[-1]


def attributes(subject: str) -> tuple[tuple[str, str], ...]:
    """Return the attributes of a distinguished name by short name, in the order of the certificate.

    Raises:
        NotPermitted: it is no name of RFC 4514.
    """
    try:
        name = x509.Name.from_rfc4514_string(subject, _NAMES)
    except ValueError as error:
        raise NotPermitted("The subject in X-Forwarded-Client-Cert cannot be read (RFC 4514).") from error
    return tuple((part.rfc4514_attribute_name, str(part.value)) for part in name)


def _elements(value: str) -> Iterator[dict[str, str]]:
    element: dict[str, str] = {}
    position = 0
    while position < len(value):
        pair = _PAIR.match(value, position)
        if pair is None:
            raise NotPermitted("X-Forwarded-Client-Cert cannot be read; it is a list of name=value pairs.")
        name, quoted, plain, end = pair.groups()
        if name.lower() in _SINGLE and name.lower() in element:
            raise NotPermitted(f"X-Forwarded-Client-Cert says {name} twice of one certificate.")
        element[name.lower()] = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
        position = pair.end()
        if end != ";":
            yield element
            element = {}
    if element:
        yield element


def _presented(element: dict[str, str]) -> Presented | None:
    subject = element.get("subject", "")
    certificate = _der(element["cert"]) if element.get("cert") else None
    if not subject and certificate is None:
        return None
    return Presented(subject, element.get("hash", "").lower(), certificate)


def _der(encoded: str) -> bytes | None:
    """Return a percent-encoded PEM certificate as DER; None when it is none."""
    try:
        return x509.load_pem_x509_certificate(unquote(encoded).encode()).public_bytes(Encoding.DER)
    except ValueError:
        return None
