"""PURE. The private key of this machine, and signing requests for it."""

import base64

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hub.connector import authority
from hub.connector.subject import parse, to_name
from hub.kernel.errors import InvalidInput


def new_key() -> bytes:
    """Make a private key (RSA 2048, as the hub announces) as PEM."""
    return authority.key_pem(authority.new_key("rsa-2048"))


def request_of(private: bytes, subject: str) -> str:
    """Return a signing request for a subject as the hub gave it: base64 of PEM.

    Raises:
        InvalidInput: the key cannot be read, or is of a kind the hub does not sign.
    """
    try:
        key = serialization.load_pem_private_key(private, password=None)
    except (ValueError, TypeError) as error:
        raise InvalidInput("key.pem cannot be read as a private key without a password; pair again.") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise InvalidInput("key.pem is of a kind the hub does not sign; pair again with --force.")
    request = x509.CertificateSigningRequestBuilder().subject_name(to_name(parse(subject))).sign(key, hashes.SHA256())
    return base64.b64encode(request.public_bytes(serialization.Encoding.PEM)).decode()
