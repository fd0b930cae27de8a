"""The certificate authority of this Compass: server certificates for itself, client certificates for who pairs."""

import base64
import binascii
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.doubles.compass.world import Refused

PEM = serialization.Encoding.PEM
SUBJECT = {"O": "Org", "OU": "OrgUnit", "L": "Locality", "ST": "State", "C": "PL"}
_OIDS = {
    "O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME, "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME, "C": NameOID.COUNTRY_NAME, "CN": NameOID.COMMON_NAME,
}  # fmt: skip
_WORDS = {
    "CN": "common name", "C": "country", "O": "organization", "OU": "organizational unit", "L": "locality",
    "ST": "province",
}  # fmt: skip


def subject_of(auth_id: str) -> str:
    """Return the subject that a certificate for a system auth must have."""
    return ",".join(f"{key}={value}" for key, value in (SUBJECT | {"CN": auth_id}).items())


def refusal(text: str) -> Refused:
    """Return a refusal of the Connector, which has no codes."""
    refused = Refused(text, "", 0)
    refused.extensions = {}
    return refused


class Authority:
    """Signs."""

    def __init__(self) -> None:
        """Make a key and a certificate of its own."""
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Compass")])
        made = self._builder(self._name, self._key.public_key(), timedelta(days=3650))
        made = made.add_extension(x509.BasicConstraints(True, None), True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), False)
        self.certificate = made.sign(self._key, hashes.SHA256())
        self.pem = self.certificate.public_bytes(PEM)
        self.lifetime = timedelta(days=90)
        self.begins = timedelta(minutes=-1)
        """When a certificate begins, from now."""
        self.names_instead: dict[str, str] = {}
        """What stands in a certificate in place of what was asked for."""

    def _builder(self, subject: x509.Name, key: rsa.RSAPublicKey, lifetime: timedelta) -> x509.CertificateBuilder:
        begin = datetime.now(UTC) + getattr(self, "begins", timedelta(minutes=-1))
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key)
        made = made.serial_number(x509.random_serial_number()).not_valid_before(begin)
        return made.not_valid_after(begin + lifetime)

    def server(self) -> tuple[bytes, bytes]:
        """Return chain and key of a server certificate for this machine."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        made = self._builder(subject, key.public_key(), timedelta(days=30))
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        certificate = made.sign(self._key, hashes.SHA256())
        plain = serialization.NoEncryption()
        secret = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, plain)
        return certificate.public_bytes(PEM) + self.pem, secret

    def sign(self, encoded: str, auth_id: str) -> dict[str, str]:
        """Return the certificate for a signing request, as the Connector answers it."""
        request = _request_of(encoded)
        _check(request, SUBJECT | {"CN": auth_id})
        key = request.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        subject = request.subject
        if self.names_instead:
            instead = SUBJECT | {"CN": auth_id} | self.names_instead
            subject = x509.Name([x509.NameAttribute(_OIDS[name], value) for name, value in instead.items()])
        made = self._builder(subject, key, self.lifetime)
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        leaf = made.add_extension(issuer, False).sign(self._key, hashes.SHA256()).public_bytes(PEM)
        texts = {"clientCertificate": leaf, "caCertificate": self.pem, "certificateChain": leaf + self.pem}
        return {name: base64.b64encode(pem).decode() for name, pem in texts.items()}


def _request_of(encoded: str) -> x509.CertificateSigningRequest:
    try:
        pem = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise refusal(
            "Error while decoding Certificate Signing Request: Error while parsing base64 content. "
            "Incorrect value provided."
        ) from error
    try:
        request = x509.load_pem_x509_csr(pem)
    except ValueError as error:
        raise refusal("Error while signing Certificate Signing Request: Error while decoding pem block.") from error
    if not request.is_signature_valid:
        raise refusal("Error while signing Certificate Signing Request: CSR signature invalid")
    return request


def _check(request: x509.CertificateSigningRequest, wanted: dict[str, str]) -> None:
    for name, word in _WORDS.items():
        found = request.subject.get_attributes_for_oid(_OIDS[name])
        if not found or found[0].value != wanted[name]:
            verb = "Invalid" if found else "No"
            raise refusal(f"Error while signing Certificate Signing Request: CSR: {verb} {word} provided.")
