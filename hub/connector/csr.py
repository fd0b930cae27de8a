"""PURE. Is this certificate signing request acceptable?

Existing clients send RSA requests signed with SHA-1 and PEM with CRLF line ends; both are accepted, because the
signature only proves possession of the key. What the hub issues is SHA-256 whatever the request says.
"""

import base64
import binascii
import re
import warnings

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1

from hub.connector.model import Subject
from hub.connector.subject import compare
from hub.kernel.errors import InvalidInput

ClientKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

SMALLEST_RSA_BITS = 2048
LARGEST_RSA_BITS = 8192
"""Larger keys prove nothing more and cost the hub seconds to verify."""
CURVES = ("secp256r1", "secp384r1", "secp521r1")
_PEM = re.compile(
    rb"-----BEGIN (NEW )?CERTIFICATE REQUEST-----[\sA-Za-z0-9+/=]+-----END (NEW )?CERTIFICATE REQUEST-----"
)
_HOW = "Send the PEM signing request, base64-encoded, as the member csr."


def read(encoded: str) -> x509.CertificateSigningRequest:
    """Return the signing request that a client sent: standard base64 of PEM; line breaks in the base64 are fine.

    Raises:
        InvalidInput: not base64, not PEM, not a signing request, or it is not signed by its own key.
    """
    block = _PEM.search(_decode(encoded))
    if block is None:
        raise InvalidInput(f"Error while decoding pem block. {_HOW}")
    try:
        request = x509.load_pem_x509_csr(block.group().replace(b"\r", b""))
        signed = _is_signed_by_its_key(request)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidInput("Error while parsing CSR: it cannot be read as a signing request.") from error
    if not signed:
        raise InvalidInput("CSR signature invalid: it was not made with the key inside the request.")
    return request


def check(request: x509.CertificateSigningRequest, expected: Subject) -> ClientKey:
    """Accept a request for exactly the expected subject and a strong key; returns the key.

    Alternative names and every other requested extension are not looked at: they never reach the certificate.

    Raises:
        InvalidInput: another subject, or a key that is too weak or of a kind the hub does not sign.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names that break X.520 are compared like all others
        try:
            name = request.subject
        except ValueError as error:
            raise InvalidInput("Error while parsing CSR: its subject cannot be read.") from error
    compare(name, expected)
    return _strong(request.public_key())


def _decode(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded.replace("\r", "").replace("\n", "").encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(
            "There was an error while parsing the base64 content. An incorrect value was provided."
        ) from error


def _is_signed_by_its_key(request: x509.CertificateSigningRequest) -> bool:
    """Verify the proof of possession; SHA-1 by hand, because `is_signature_valid` says no to all of it."""
    key = request.public_key()
    if not isinstance(request.signature_hash_algorithm, SHA1):
        return request.is_signature_valid
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size > LARGEST_RSA_BITS:
        return False
    try:
        key.verify(request.signature, request.tbs_certrequest_bytes, padding.PKCS1v15(), SHA1())  # noqa: S303 - see module
    except InvalidSignature:
        return False
    return True


def _strong(key: object) -> ClientKey:
    if isinstance(key, rsa.RSAPublicKey):
        if not SMALLEST_RSA_BITS <= key.key_size <= LARGEST_RSA_BITS:
            raise InvalidInput(
                f"CSR: the RSA key has {key.key_size} bits; make one of {SMALLEST_RSA_BITS} to {LARGEST_RSA_BITS}."
            )
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        return key
    raise InvalidInput("CSR: this kind of key is not signed here; use RSA from 2048 bits, or EC P-256, P-384, P-521.")
