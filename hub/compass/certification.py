"""The key and the signing request of this Runtime, and the judgement of the certificate it gets for them."""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from hub.compass.model import Configuration, Credentials
from hub.compass.paging import need_map, need_text
from hub.kernel.errors import UpstreamRefused

_ATTRIBUTES = {
    "CN": NameOID.COMMON_NAME,
    "C": NameOID.COUNTRY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
}
_PEM = serialization.Encoding.PEM


def configuration_of(answer: Mapping[str, Any], *, need_addresses: bool) -> Configuration:
    """Return what the Connector says.

    Args:
        answer: data of the query `configuration`.
        need_addresses: whether both addresses must be there, as with a certificate they must.

    Raises:
        UpstreamRefused: a part is missing.
    """
    told = need_map(answer.get("configuration"), "configuration")
    request = need_map(told.get("certificateSigningRequestInfo"), "certificateSigningRequestInfo")
    places = need_map(told.get("managementPlaneInfo") or {}, "managementPlaneInfo")
    director, connector = (_text(places.get(name)) for name in ("directorURL", "certificateSecuredConnectorURL"))
    if need_addresses and not (director and connector):
        raise UpstreamRefused("The Connector does not say where Director and Connector are (managementPlaneInfo).")
    return Configuration(
        subject=need_text(request.get("subject"), "subject of the certificate"),
        director_url=director,
        connector_url=connector,
        token=_text(need_map(told.get("token") or {}, "token").get("token")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def name_of(subject: str) -> x509.Name:
    """Return a subject such as `O=Org,OU=Unit,L=Town,ST=State,C=DE,CN=id` as the name in a signing request.

    Raises:
        UpstreamRefused: it cannot be read, or has no common name.
    """
    parts = [part.partition("=") for part in subject.split(",") if part.strip()]
    known = [(_ATTRIBUTES.get(key.strip()), value.strip()) for key, _, value in parts]
    try:
        name = x509.Name([x509.NameAttribute(oid, value) for oid, value in known if oid is not None and value])
    except ValueError as error:
        raise UpstreamRefused(f"The Connector asks for a subject that no certificate can hold: {error}.") from error
    if not name.get_attributes_for_oid(NameOID.COMMON_NAME):
        raise UpstreamRefused("The Connector asks for a subject without a common name.")
    return name


def new_request(subject: str, bits: int) -> tuple[bytes, str]:
    """Make a key; returns it as PEM, and the signing request as base64 of PEM. Takes up to seconds.

    Raises:
        UpstreamRefused: the subject cannot be read.
    """
    name = name_of(subject)
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    secret = key.private_bytes(_PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain)
    return secret, base64.b64encode(request.public_bytes(_PEM)).decode()


def credentials_of(answer: Mapping[str, Any], key: bytes, subject: str, digest: str) -> Credentials:
    """Return the credentials that an issued certificate makes of a key.

    Args:
        answer: data of the mutation `signCertificateSigningRequest`.
        key: PEM.
        subject: that was asked for.
        digest: of the pairing token it goes back to.

    Raises:
        UpstreamRefused: no certificate, or one for another key or another Runtime.
    """
    signed = need_map(answer.get("signCertificateSigningRequest"), "signCertificateSigningRequest")
    certificate, chain, authorities = (
        _pem_at(signed, name) for name in ("clientCertificate", "certificateChain", "caCertificate")
    )
    leaf = x509.load_pem_x509_certificates(certificate)[0]
    private = serialization.load_pem_private_key(key, password=None)
    if leaf.public_key() != private.public_key():
        raise UpstreamRefused("The Connector issued a certificate for another key.")
    common_name = name_of(subject).get_attributes_for_oid(NameOID.COMMON_NAME)
    if leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME) != common_name:
        raise UpstreamRefused("The Connector issued a certificate for another Runtime.")
    return Credentials(
        certificate, chain, authorities, leaf.not_valid_before_utc, leaf.not_valid_after_utc, digest, key
    )


def _pem_at(signed: Mapping[str, Any], member: str) -> bytes:
    try:
        pem = base64.b64decode(need_text(signed.get(member), member))
        x509.load_pem_x509_certificates(pem)
    except (binascii.Error, ValueError) as error:
        raise UpstreamRefused(f"The Connector's {member} is not a certificate as base64 of PEM.") from error
    return pem


def authority_ids(credentials: Credentials) -> list[str]:
    """Return the key identifier of each authority, hexadecimal; empty for one that has none."""
    pem = credentials.authorities
    return [_key_identifier(found) for found in x509.load_pem_x509_certificates(pem)] if pem.strip() else []


def _key_identifier(certificate: x509.Certificate) -> str:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()
    except (x509.ExtensionNotFound, ValueError):
        return ""


def to_values(credentials: Credentials) -> dict[str, str]:
    """Return credentials as the values of a Secret; the names are upstream's."""
    return {
        "crt": credentials.certificate.decode(),
        "crtChain": credentials.chain.decode(),
        "cacert": credentials.authorities.decode(),
        "key": credentials.key.decode(),
        "tokenDigest": credentials.token_digest,
        "directorUrl": credentials.director_url,
        "connectorUrl": credentials.connector_url,
    }


def from_values(values: Mapping[str, str]) -> Credentials | None:
    """Return the credentials that a Secret holds; None when they are not whole: then the hub pairs again."""
    try:
        leaf = x509.load_pem_x509_certificates(values["crt"].encode())[0]
    except (KeyError, ValueError):
        return None
    begin: datetime = leaf.not_valid_before_utc
    if not values.get("key") or not values.get("crtChain"):
        return None
    return Credentials(
        values["crt"].encode(),
        values["crtChain"].encode(),
        values.get("cacert", "").encode(),
        begin,
        leaf.not_valid_after_utc,
        values.get("tokenDigest", ""),
        values["key"].encode(),
        values.get("directorUrl", ""),
        values.get("connectorUrl", ""),
    )
