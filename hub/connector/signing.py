"""PURE. From an acceptable signing request to a client certificate.

The subject is the one the hub expects, not the one in the request, so nothing a client adds there gets a signature.
Serials are random and unique, the signature is SHA-256, the only use is to authenticate a client.
"""

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from hub.connector import csr
from hub.connector.authority import key_identifier, key_usage, leaf, opened
from hub.connector.model import Authority, Issued, Subject
from hub.connector.subject import render, to_name


def sign(authority: Authority, encoded: str, expected: Subject, *, now: datetime, days: float) -> Issued:
    """Check a signing request as a client sent it and issue the certificate.

    Raises:
        InvalidInput: the request is not acceptable; nothing was signed.
    """
    key = csr.check(csr.read(encoded), expected)
    issuer, issuer_key = opened(authority)
    certificate = (
        leaf(issuer, to_name(expected), key, now=now, days=days)
        .add_extension(key_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return _issued(certificate, authority, expected)


def _issued(certificate: x509.Certificate, authority: Authority, subject: Subject) -> Issued:
    return Issued(
        certificate=certificate.public_bytes(serialization.Encoding.PEM),
        authority_certificate=authority.certificate,
        subject=render(subject),
        serial=f"{certificate.serial_number:x}",
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        authority=key_identifier(opened(authority)[0]),
    )
