"""Certificates that nobody meant to vouch for, and names that look like another's: real handshakes with a real edge."""

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hub.connector.authority import key_pem, new_key
from hub.connector.model import Authority
from tests.connector.conftest import Edge, edge, key_file, make_csr, open_edge
from tests.connector.test_handshakes import authority_of

__all__ = ["edge", "key_file", "make_csr", "open_edge"]  # the fixtures

INFO = "/v1/applications/management/info"
REVOCATIONS = "/v1/applications/certificates/revocations"
CN, O = NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME  # noqa: E741 - as certificates name it
LOOKALIKES: dict[str, list[tuple[x509.ObjectIdentifier, str]]] = {
    "a wildcard": [(CN, "*")],
    "a NUL behind the name": [(CN, "shop\x00.evil")],
    "a NUL alone": [(CN, "\x00shop")],
    "a blank behind the name": [(CN, "shop ")],
    "a line break": [(CN, "shop\n")],
    "capitals": [(CN, "SHOP")],
    "wide letters": [(CN, "\uff53\uff48\uff4f\uff50")],
    "a letter of another alphabet": [(CN, "sh\u043ep")],
    "a joiner": [(CN, "sh\u200dop")],
    "the name inside another attribute": [(O, "CN=shop"), (CN, "evil")],
    "a name that ends the attribute": [(CN, "evil,CN=shop")],
    "the name second": [(CN, "evil"), (CN, "shop")],
    "no name": [(O, "shop")],
    "a bucket's key": [(CN, "cluster.shop")],
    "a path": [(CN, "../shop")],
}


class Signer:
    """Whoever has a key and signs with it, asked or not."""

    def __init__(self, certificate: x509.Certificate, key: Any) -> None:
        """Take both."""
        self.certificate, self.key = certificate, key

    @classmethod
    def of(cls, authority: Authority) -> "Signer":
        """Return the hub's own authority."""
        certificate = x509.load_pem_x509_certificate(authority.certificate)
        return cls(certificate, load_pem_private_key(authority.key, None))

    def issue(
        self, subject: Sequence[tuple[x509.ObjectIdentifier, str]], *, serial: int = 0, authority: bool = False
    ) -> "Signer":
        """Sign a certificate for a client."""
        key, now = new_key("ecdsa-p256"), datetime.now(UTC)
        made = x509.CertificateBuilder().issuer_name(self.certificate.subject).public_key(key.public_key())
        made = made.subject_name(x509.Name([x509.NameAttribute(oid, text, _validate=False) for oid, text in subject]))
        made = made.serial_number(serial or x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
        if authority:
            made = made.add_extension(x509.BasicConstraints(True, None), True)
        return Signer(made.sign(self.key, hashes.SHA256()), key)

    def file(self, folder: Path, *chain: "Signer") -> Path:
        """Write certificate, chain and key."""
        path = folder / f"{self.certificate.serial_number}.pem"
        pem = b"".join(each.certificate.public_bytes(Encoding.PEM) for each in (self, *chain))
        path.write_bytes(pem + key_pem(self.key))
        return path


async def answered(edge: Edge, file: Path, path: str = INFO, method: str = "GET") -> httpx.Response | None:
    """Return the answer to a caller with this certificate; None when there was no handshake."""
    context = ssl.create_default_context(cafile=edge.ca)
    context.load_cert_chain(file)
    try:
        async with httpx.AsyncClient(verify=context, timeout=20, trust_env=False) as client:
            return await client.request(method, edge.url + path)
    except httpx.TransportError:
        return None


async def test_a_solution_cannot_sign_for_another(edge: Edge, tmp_path: Path) -> None:
    """Its certificate is no authority's: what it signs is nothing, with the whole chain shown and without."""
    authority = Signer.of(await authority_of(edge))
    own = authority.issue([(CN, "evil")])
    claimed = own.issue([(CN, "shop")])
    climbed = own.issue([(CN, "Authority")], authority=True)
    deeper = climbed.issue([(CN, "shop")])
    whole = await answered(edge, authority.issue([(CN, "shop")]).file(tmp_path))
    assert whole is not None and whole.status_code == 200  # what the refusals are compared with
    for file in (
        claimed.file(tmp_path), claimed.file(tmp_path, own), claimed.file(tmp_path, own, authority),
        deeper.file(tmp_path, climbed, own), deeper.file(tmp_path, climbed, own, authority),
    ):  # fmt: skip
        assert await answered(edge, file) is None


async def test_a_name_that_looks_like_anothers_is_nobodys(edge: Edge, tmp_path: Path) -> None:
    """Even signed by the hub's own authority: names are compared letter by letter, and only the first counts."""
    authority = Signer.of(await authority_of(edge))
    for name, subject in LOOKALIKES.items():
        said = await answered(edge, authority.issue(subject).file(tmp_path))
        assert said is None or 400 <= said.status_code < 500, (name, said.text)


async def test_a_revocation_holds_for_one_certificate_not_for_a_number(edge: Edge, tmp_path: Path) -> None:
    """A second certificate of the same serial number is another one: not refused with the first, no way around."""
    authority = Signer.of(await authority_of(edge))
    first = authority.issue([(CN, "shop")])
    second = authority.issue([(CN, "shop")], serial=first.certificate.serial_number)
    (folder := tmp_path / "second").mkdir()
    revoked, kept = first.file(tmp_path), second.file(folder)

    said = await answered(edge, revoked, REVOCATIONS, "POST")
    assert said is not None and said.status_code == 201

    statuses = [each.status_code for file in (revoked, kept, revoked) if (each := await answered(edge, file))]
    assert [403, 200, 403] == statuses
