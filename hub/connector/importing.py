"""PURE. Is what an operator brings a certificate authority that the hub can use?

Everything that would fail later, with the first client, is refused at once and by name. The key leaves as it is kept
inside the hub: PKCS#8 without a password, which the store seals.
"""

from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hub.connector.authority import AuthorityKey, key_pem
from hub.connector.csr import CURVES, SMALLEST_RSA_BITS
from hub.connector.model import Authority
from hub.kernel.clock import rfc3339
from hub.kernel.errors import Misconfigured

_CERTIFICATE, _KEY = "HUB_CONNECTOR__CA_CERTIFICATE_FILE", "HUB_CONNECTOR__CA_KEY_FILE"


def read_authority(certificates: bytes, key: bytes, password: bytes | None, now: datetime) -> Authority:
    """Return the authority of two PEM files.

    Args:
        certificates: the authority's own certificate first, then the chain above it, if any.
        key: its private key, RSA or EC.
        password: of the key, when it has one.
        now: the certificate must be in force.

    Raises:
        Misconfigured: one of the files is not what it should be, or they do not belong together.
    """
    chain = _certificates(certificates)
    _check_certificate(chain[0], now)
    private = _private_key(key, password)
    if private.public_key() != chain[0].public_key():
        raise Misconfigured(
            f"The key of {_KEY} does not belong to the first certificate of {_CERTIFICATE}; give the authority's own."
        )
    pem = b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in chain)
    return Authority(pem, key_pem(private))


def _certificates(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise Misconfigured(f"{_CERTIFICATE} holds no PEM certificate.") from error


def _check_certificate(certificate: x509.Certificate, now: datetime) -> None:
    """Refuse a certificate that may not sign others, or not now."""
    name = certificate.subject.rfc4514_string()
    if not _may_sign(certificate):
        raise Misconfigured(
            f"'{name}' in {_CERTIFICATE} is no authority (basicConstraints CA, keyUsage keyCertSign); give one that is."
        )
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        begin, end = rfc3339(certificate.not_valid_before_utc), rfc3339(certificate.not_valid_after_utc)
        raise Misconfigured(f"'{name}' in {_CERTIFICATE} is valid from {begin} to {end}, which is not now; renew it.")


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return constraints.ca
    return constraints.ca and usage.key_cert_sign


def _private_key(pem: bytes, password: bytes | None) -> AuthorityKey:
    try:
        key = serialization.load_pem_private_key(pem, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Misconfigured(
            f"{_KEY} holds no readable PEM key; a password goes into HUB_CONNECTOR__CA_KEY_PASSWORD."
        ) from error
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= SMALLEST_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return key
    raise Misconfigured(f"The key of {_KEY} is of no kind the hub signs with; use RSA from 2048 bits, or EC P-256 up.")
