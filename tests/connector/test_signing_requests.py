"""Which signing requests are signed, and what each refused one is told."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hub.connector.authority import create
from hub.connector.model import Authority, Issued, Subject
from hub.connector.signing import sign
from hub.kernel.errors import InvalidInput

from .conftest import NOW, Make


def signed(authority: Authority, csr: str, subject: Subject) -> tuple[Issued, x509.Certificate]:
    """Sign a request for three days and read the certificate back."""
    issued = sign(authority, csr, subject, now=NOW, days=3)
    return issued, x509.load_pem_x509_certificate(issued.certificate)


def recoded(csr: str, change: bytes, into: bytes) -> str:
    """Change the PEM inside a request's base64."""
    return base64.b64encode(base64.b64decode(csr).replace(change, into)).decode()


@pytest.mark.parametrize("kind", ["rsa:2048", "rsa:4096", "ec:P-256", "ec:P-384", "ec:P-521"])
def test_strong_keys_are_signed(kind: str, make_csr: Make, authority: Authority, shop: Subject) -> None:
    """RSA from 2048 bits and the three NIST curves get a certificate for their own key."""
    csr = make_csr(kind)
    _, certificate = signed(authority, csr, shop)
    request = x509.load_pem_x509_csr(base64.b64decode(csr))
    assert request.public_key() == certificate.public_key()


@pytest.mark.parametrize("kind", ["rsa:1024", "ec:secp256k1", "ed25519"])
def test_weak_and_strange_keys_are_refused(kind: str, make_csr: Make, authority: Authority, shop: Subject) -> None:
    """A key that is too short, or of a kind clients of the hub do not use, is not signed."""
    with pytest.raises(InvalidInput, match=r"^CSR: "):
        signed(authority, make_csr(kind), shop)


def test_a_request_signed_with_sha1_gets_a_sha256_certificate(
    make_csr: Make, authority: Authority, shop: Subject
) -> None:
    """Existing clients sign with SHA-1 and write PEM with CRLF; what is issued is SHA-256 all the same."""
    csr = recoded(make_csr("rsa:2048", "/O=Organization/OU=OrgUnit/L=Waldorf/ST=Waldorf/C=DE/CN=shop", "-sha1"),
                  b"\n", b"\r\n")  # fmt: skip
    _, certificate = signed(authority, csr, shop)
    assert isinstance(certificate.signature_hash_algorithm, SHA256)


@pytest.mark.parametrize("digest", ["-sha1", "-sha256"])
def test_a_request_with_a_broken_signature_is_refused(
    digest: str, make_csr: Make, authority: Authority, shop: Subject
) -> None:
    """Whoever does not hold the key gets no certificate for it, whichever digest the request names."""
    good = x509.load_pem_x509_csr(base64.b64decode(make_csr("rsa:2048", "/CN=a", digest)))
    der = bytearray(good.public_bytes(Encoding.DER))
    der[-1] ^= 1
    pem = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM)
    with pytest.raises(InvalidInput, match="CSR signature invalid"):
        signed(authority, base64.b64encode(pem).decode(), shop)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("/O=Organization/OU=OrgUnit/L=Waldorf/ST=Waldorf/C=DE/CN=other", "CSR: Invalid common name provided."),
        ("/O=Organization/OU=OrgUnit/L=Waldorf/ST=Waldorf/C=DE", "CSR: Invalid common name provided."),
        ("/O=Organization/OU=OrgUnit/L=Waldorf/ST=Waldorf/C=PL/CN=shop", "CSR: Invalid country provided."),
        ("/O=Organization/OU=OrgUnit/L=Waldorf/ST=Waldorf/CN=shop", "CSR: No country provided."),
        ("/O=Other/OU=OrgUnit/L=Waldorf/ST=Waldorf/C=DE/CN=shop", "CSR: Invalid organization provided."),
        ("/OU=OrgUnit/L=Waldorf/ST=Waldorf/C=DE/CN=shop", "CSR: No organization provided."),
        ("/O=Organization/OU=x/L=Waldorf/ST=Waldorf/C=DE/CN=shop", "CSR: Invalid organizational unit provided."),
        ("/O=Organization/L=Waldorf/ST=Waldorf/C=DE/CN=shop", "CSR: No organizational unit provided."),
        ("/O=Organization/OU=OrgUnit/L=x/ST=Waldorf/C=DE/CN=shop", "CSR: Invalid locality provided."),
        ("/O=Organization/OU=OrgUnit/ST=Waldorf/C=DE/CN=shop", "CSR: No locality provided."),
        ("/O=Organization/OU=OrgUnit/L=Waldorf/ST=x/C=DE/CN=shop", "CSR: Invalid province provided."),
        ("/O=Organization/OU=OrgUnit/L=Waldorf/C=DE/CN=shop", "CSR: No province provided."),
    ],
)
def test_a_foreign_subject_is_refused_in_upstreams_words(
    subject: str, text: str, make_csr: Make, authority: Authority, shop: Subject
) -> None:
    """Each attribute that is missing or different is named as Kyma's connector names it."""
    with pytest.raises(InvalidInput) as caught:
        signed(authority, make_csr("rsa:2048", subject), shop)
    assert text == caught.value.detail


def test_the_order_of_the_subject_does_not_matter_and_extras_get_no_signature(
    make_csr: Make, authority: Authority, shop: Subject
) -> None:
    """The certificate says what the hub expects, in the hub's order; a second common name is left behind."""
    csr = make_csr("rsa:2048", "/CN=shop/C=DE/ST=Waldorf/L=Waldorf/OU=OrgUnit/O=Organization/CN=admin")
    issued, certificate = signed(authority, csr, shop)
    assert issued.subject == "O=Organization,OU=OrgUnit,L=Waldorf,ST=Waldorf,C=DE,CN=shop"
    assert [part.value for part in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["shop"]


def test_requested_extensions_are_dropped(make_csr: Make, authority: Authority, shop: Subject) -> None:
    """Neither an alternative name nor the wish to be an authority reaches the certificate."""
    csr = make_csr("rsa:2048", "/O=Organization/OU=OrgUnit/L=Waldorf/ST=Waldorf/C=DE/CN=shop", "-addext",
                   "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:TRUE")  # fmt: skip
    _, certificate = signed(authority, csr, shop)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)


@pytest.mark.parametrize(
    ("csr", "text"),
    [
        ("%%%", "parsing the base64"),
        ("ä", "parsing the base64"),
        ("YWJj ZGVm", "parsing the base64"),
        ("", "decoding pem"),
        ("YWJj", "decoding pem"),
        (base64.b64encode(b"x" * 1_000_000).decode(), "decoding pem"),
        (base64.b64encode(b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----").decode(),
         "parsing CSR"),
    ],
    ids=["signs", "umlaut", "space", "empty", "text", "megabyte", "hollow-pem"],
)  # fmt: skip
def test_garbage_is_refused(csr: str, text: str, authority: Authority, shop: Subject) -> None:
    """What is no signing request is refused as wrong input, never as an error of the hub."""
    with pytest.raises(InvalidInput, match=text):
        signed(authority, csr, shop)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_breaks_within_the_base64_are_fine(
    ending: str, make_csr: Make, authority: Authority, shop: Subject
) -> None:
    """`base64` on the command line folds its output; that is no reason to refuse."""
    csr = make_csr()
    folded = ending.join(csr[start : start + 76] for start in range(0, len(csr), 76)) + ending
    assert signed(authority, folded, shop)[0].fingerprint


def test_text_around_the_pem_block_is_passed_over(make_csr: Make, authority: Authority, shop: Subject) -> None:
    """`openssl req -text` writes the request readably before the PEM; the block is what counts."""
    csr = make_csr("rsa:2048", "/O=Organization/OU=OrgUnit/L=Waldorf/ST=Waldorf/C=DE/CN=shop", "-text")
    assert signed(authority, csr, shop)[0].fingerprint


def test_serials_are_unique_and_the_facts_told_are_those_of_the_certificate(
    make_csr: Make, authority: Authority, shop: Subject
) -> None:
    """Upstream numbers every certificate 2; here each has a serial of its own, and is named by it."""
    csr = make_csr()
    issued, certificate = signed(authority, csr, shop)
    again, _ = signed(authority, csr, shop)
    assert issued.serial != again.serial
    assert (f"{certificate.serial_number:x}", certificate.fingerprint(SHA256()).hex()) == (
        issued.serial, issued.fingerprint,
    )  # fmt: skip
    assert (certificate.not_valid_after_utc, 3) == (issued.not_after, (issued.not_after - NOW).days)


def test_a_certificate_ends_no_later_than_its_authority(make_csr: Make, shop: Subject) -> None:
    """A client is not told a validity that its authority cannot keep."""
    short = create("ecdsa-p256", now=NOW, days=1)
    issued, _ = signed(short, make_csr(), shop)
    assert (issued.not_after - NOW).days == 1
