"""An authority that the operator brings: what is refused at the start, and what the hub does with a good one."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from hub.connector.importing import read_authority
from hub.connector.settings import ConnectorSettings
from hub.kernel.errors import Misconfigured

from .conftest import Edge, Make, OpenEdge, openssl

Keys = Callable[[str], Path]
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
INFO = "/v1/applications/management/info"


def certified(
    name: str, key: Key, issuer: tuple[str, Key] | None = None, *, ca: bool = True, sign: bool = True, starts: int = -1,
    days: int = 30,
) -> x509.Certificate:  # fmt: skip
    """Return a certificate as somebody else's tool makes it: no key identifiers."""
    above, signer = issuer or (name, key)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
         "decipher_only"), False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, above)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + starts * DAY)
        .not_valid_after(NOW + (starts + days) * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=not sign, key_cert_sign=sign, crl_sign=sign, **usage), True)
        .sign(signer, hashes.SHA256())
    )


def pem(key: Key, password: bytes | None = None) -> bytes:
    """Return a private key in the form older tools write."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, encryption)


KEY, OTHER = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256R1())
GOOD = certified("Acme Issuing", KEY).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    ("certificate", "key", "password", "text"),
    [
        (b"", pem(KEY), None, "no PEM certificate"),
        (GOOD, b"", None, "no readable PEM key"),
        (GOOD, pem(OTHER), None, "does not belong to the first certificate"),
        (GOOD, pem(KEY, b"secret"), None, "no readable PEM key"),
        (GOOD, pem(KEY, b"secret"), b"wrong", "no readable PEM key"),
        (GOOD, pem(KEY), b"needless", "no readable PEM key"),
        (certified("Leaf", KEY, ca=False).public_bytes(Encoding.PEM), pem(KEY), None, "is no authority"),
        (certified("Leaf", KEY, sign=False).public_bytes(Encoding.PEM), pem(KEY), None, "is no authority"),
        (certified("Old", KEY, starts=-40).public_bytes(Encoding.PEM), pem(KEY), None, "which is not now"),
        (certified("New", KEY, starts=2).public_bytes(Encoding.PEM), pem(KEY), None, "which is not now"),
    ],
    ids=["nothing", "no-key", "mismatch", "locked", "wrong-password", "needless-password", "leaf", "no-cert-sign",
         "ended", "not-yet"],
)  # fmt: skip
def test_what_could_not_sign_later_is_refused_at_once(
    certificate: bytes, key: bytes, password: bytes | None, text: str
) -> None:
    """The refusal names the setting and what is wrong with it; no key is in it."""
    with pytest.raises(Misconfigured, match=text) as caught:
        read_authority(certificate, key, password, NOW)
    assert "HUB_CONNECTOR__CA_" in caught.value.detail and "PRIVATE" not in caught.value.detail


def test_a_weak_key_signs_nothing() -> None:
    """An RSA key that clients would not be given a certificate for is none for an authority."""
    weak = rsa.generate_private_key(65537, 1024)
    with pytest.raises(Misconfigured, match="RSA from 2048"):
        read_authority(certified("Weak", weak).public_bytes(Encoding.PEM), pem(weak), None, NOW)


def test_a_key_with_its_password_opens() -> None:
    """What is kept has no password: the store seals it."""
    assert read_authority(GOOD, pem(KEY, b"secret"), b"secret", NOW) == read_authority(GOOD, pem(KEY), None, NOW)


def test_certificate_and_key_are_set_together(tmp_path: Path) -> None:
    """One of the two alone is a mistake that is found before anything starts."""
    with pytest.raises(ValidationError, match="belong together"):
        ConnectorSettings(ca_certificate_file=tmp_path / "ca.pem")


class Acme:
    """An authority in the middle of a company's chain, and its files."""

    def __init__(self, folder: Path) -> None:
        """Write the issuing authority with the root behind it, and its key."""
        self.root_key, self.key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.root = certified("Acme Root", self.root_key)
        self.issuing = certified("Acme Issuing", self.key, ("Acme Root", self.root_key))
        self.chain = b"".join(each.public_bytes(Encoding.PEM) for each in (self.issuing, self.root))
        self.certificate_file, self.key_file = folder / "acme.pem", folder / "acme.key"
        self.certificate_file.write_bytes(self.chain)
        self.key_file.write_bytes(pem(self.key))

    @property
    def settings(self) -> dict[str, object]:
        """The settings that name the files."""
        return {"ca_certificate_file": self.certificate_file, "ca_key_file": self.key_file}


@pytest.fixture
def acme(tmp_path: Path) -> Acme:
    """A company's authority."""
    return Acme(tmp_path)


async def test_a_company_chain_signs_and_only_the_issuing_authority_is_trusted(
    acme: Acme, open_edge: OpenEdge, make_csr: Make, key_file: Keys
) -> None:
    """openssl verifies what is issued up to the root; what a sister of the authority signed gets no connection."""
    edge = await open_edge(connector=acme.settings)
    certificate, key = await edge.certificate("shop", make_csr()), key_file("rsa:2048")
    assert certificate.read_bytes().endswith(acme.chain) and edge.ca.read_bytes() == acme.chain
    root = edge.folder / "root.pem"
    root.write_bytes(acme.root.public_bytes(Encoding.PEM))
    verified = openssl("verify", "-CAfile", str(root), "-untrusted", str(acme.certificate_file), str(certificate))
    assert verified.endswith(b": OK\n")
    async with edge.client(certificate, key) as client:
        assert (await client.get(edge.url + INFO)).status_code == 200
    await _expect_no_connection(edge, certified("shop", KEY, ("Acme Root", acme.root_key), ca=False, sign=False), KEY)


async def _expect_no_connection(edge: Edge, certificate: x509.Certificate, key: Key) -> None:
    path = edge.folder / "sister.pem"
    path.write_bytes(certificate.public_bytes(Encoding.PEM) + pem(key))
    async with edge.client(path) as client:
        with pytest.raises(httpx.TransportError):
            await client.get(edge.url + INFO)


async def test_bringing_an_authority_to_a_running_hub_begins_an_overlap(
    acme: Acme, open_edge: OpenEdge, make_csr: Make, key_file: Keys
) -> None:
    """Solutions of the hub's own authority stay connected; asking for the same one again is refused."""
    edge = await open_edge()
    old = await edge.certificate("shop", make_csr())
    await edge.process.stop()
    again = await open_edge(connector=acme.settings)
    async with again.client(old, key_file("rsa:2048")) as client:
        assert (await client.get(again.url + INFO)).status_code == 200
    newest, oldest = (await again.ask("authorities", "list", {}))[1]["authorities"]
    assert (newest["subject"], newest["selfSigned"], oldest["subject"]) == (
        "CN=Acme Issuing", False, "CN=Integration Hub CA,O=Integration Hub",
    )  # fmt: skip
    status, answer = await again.ask("authorities", "rotate", {})
    assert (status, "exchange" in answer["detail"] or "files first" in answer["detail"]) == ("409", True)


async def test_exchanged_files_take_effect_with_rotate(acme: Acme, open_edge: OpenEdge) -> None:
    """No restart is needed; files that cannot be used change nothing."""
    edge = await open_edge(connector=acme.settings)
    acme.key_file.write_bytes(b"broken")
    assert (await edge.ask("authorities", "rotate", {}))[0] == "500"
    newer = ec.generate_private_key(ec.SECP256R1())
    acme.certificate_file.write_bytes(certified("Acme Next", newer).public_bytes(Encoding.PEM))
    acme.key_file.write_bytes(pem(newer))
    status, answer = await edge.ask("authorities", "rotate", {})
    assert (status, [row["subject"] for row in answer["authorities"]]) == ("200", ["CN=Acme Next", "CN=Acme Issuing"])


async def test_files_that_cannot_be_read_stop_the_start(open_edge: OpenEdge, tmp_path: Path) -> None:
    """The text names the file, and no authority is made in its place."""
    missing = {"ca_certificate_file": tmp_path / "missing.pem", "ca_key_file": tmp_path / "missing.key"}
    with pytest.raises(Misconfigured, match=r"missing\.pem"):
        await open_edge(connector=missing)
    assert not (tmp_path / "ca.crt").exists()


async def test_the_chain_is_handed_to_clients(acme: Acme, open_edge: OpenEdge, make_csr: Make) -> None:
    """The bundle is the client's certificate and the chain; caCrt is the chain, the issuing authority first."""
    edge = await open_edge(connector=acme.settings)
    async with edge.client() as client:
        info = (await client.get(await edge.offer("shop"))).json()
        answer = (await client.post(info["csrUrl"], json={"csr": make_csr("ec:P-256")})).json()
    assert base64.b64decode(answer["caCrt"]) == acme.chain
    assert base64.b64decode(answer["crt"]) == base64.b64decode(answer["clientCrt"]) + acme.chain
