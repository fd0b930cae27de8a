"""PURE. The hub's certificate authority: made once, and what it says about the edge's own server.

Making RSA keys takes seconds; callers leave the event loop for it.
"""

import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hub.connector.model import Authority

AuthorityKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

SKEW = timedelta(minutes=5)
"""How far a solution's clock may be behind the hub's without taking a new certificate for a future one."""

NAME = "Integration Hub CA"

_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def create(algorithm: str, *, now: datetime, days: float) -> Authority:
    """Make a new authority: a self-signed certificate and its key.

    Args:
        algorithm: `ecdsa-p256` or `rsa-4096`.
        now: when it begins to be valid.
        days: how long it is valid.
    """
    key = new_key(algorithm)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Integration Hub"),
            x509.NameAttribute(NameOID.COMMON_NAME, NAME),
        ]
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _builder(name, name, now - SKEW, now + timedelta(days=days))
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate.public_bytes(serialization.Encoding.PEM), key_pem(key))


def new_key(algorithm: str) -> AuthorityKey:
    """Make a private key of the kind that `ecdsa-p256` or `rsa-<bits>` names."""
    if algorithm.startswith("rsa-"):
        return rsa.generate_private_key(public_exponent=65537, key_size=int(algorithm.removeprefix("rsa-")))
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: AuthorityKey) -> bytes:
    """Return a private key as unencrypted PKCS#8 PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@lru_cache(maxsize=8)
def opened(authority: Authority) -> tuple[x509.Certificate, AuthorityKey]:
    """Return certificate and key of the authority, ready to sign with."""
    key = serialization.load_pem_private_key(authority.key, password=None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is neither RSA nor EC")
    return x509.load_pem_x509_certificate(authority.certificate), key


def leaf(
    issuer: x509.Certificate,
    name: x509.Name,
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    *,
    now: datetime,
    days: float,
) -> x509.CertificateBuilder:
    """Begin a certificate that signs nothing itself; valid no longer than its issuer."""
    until = min(now + timedelta(days=days), issuer.not_valid_after_utc)
    issuer_key = bytes.fromhex(key_identifier(issuer))
    return (
        _builder(name, issuer.subject, now - SKEW, until)
        .public_key(key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(issuer_key, None, None), critical=False)
    )


def key_identifier(certificate: x509.Certificate) -> str:
    """Return what certificates name their authority by, hexadecimal: the one it states, else the hash of its key."""
    try:
        stated = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        stated = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
    return stated.digest.hex()


def server_certificate(
    authority: Authority, hostnames: Iterable[str], *, now: datetime, days: float
) -> tuple[bytes, bytes]:
    """Return certificate chain and new key (PEM) for a server under these names and addresses."""
    names = list(hostnames)
    issuer, issuer_key = opened(authority)
    key = new_key("rsa-2048" if isinstance(issuer_key, rsa.RSAPrivateKey) else "ecdsa-p256")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    certificate = (
        leaf(issuer, subject, key.public_key(), now=now, days=days)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(key_usage("digital_signature", "key_encipherment"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + authority.certificate, key_pem(key)


def key_usage(*usages: str) -> x509.KeyUsage:
    """Return the key usage extension with exactly these usages."""
    return x509.KeyUsage(**{usage: usage in usages for usage in _USAGES})


def _builder(name: x509.Name, issuer: x509.Name, begins: datetime, ends: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
