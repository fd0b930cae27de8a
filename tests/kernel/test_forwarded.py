"""X-Forwarded-Client-Cert: whose certificate a proxy speaks of, and whose word counts."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hub.connector.authority import create, key_identifier, server_certificate
from hub.kernel import metrics
from hub.kernel.errors import NotPermitted
from hub.kernel.http.protocol import within
from hub.kernel.identity import PEER, UNTOLD, Identity, Peer, identity_from_header, identity_of
from hub.kernel.settings import EdgeSettings

VECTORS: dict[str, Any] = json.loads(Path(__file__).with_name("vectors").joinpath("forwarded.json").read_text())
HASH = VECTORS["hash"]
AUTHORITY = create("ecdsa-p256", now=datetime.now(UTC), days=1)
CHAIN, _ = server_certificate(AUTHORITY, ["leaf"], now=datetime.now(UTC), days=1)
CERTIFICATE = x509.load_pem_x509_certificate(CHAIN)
DER = CERTIFICATE.public_bytes(Encoding.DER)
ENCODED = quote(CERTIFICATE.public_bytes(Encoding.PEM).decode(), safe="")


def name(vector: dict[str, str]) -> str:
    return vector["case"]


def filled(value: str) -> bytes:
    """Return a vector's value as it stands in the header."""
    return value.replace("<hash>", HASH).encode("latin-1")


def scope(peer: Peer, *values: bytes) -> dict[str, Any]:
    """Return what a request is known by, with the header as often as given."""
    headers = [(b"host", b"hub"), *((b"x-forwarded-client-cert", value) for value in values)]
    return {"state": {PEER: peer}, "headers": headers}


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=name)
def test_the_certificate_of_the_caller_is_read(vector: dict[str, str]) -> None:
    """Common name and fingerprint are those of the last element that names a subject."""
    identity = identity_from_header(filled(vector["value"]))
    assert (vector["common_name"], filled(vector["fingerprint"]).decode()) == (
        identity.common_name, identity.fingerprint,
    )  # fmt: skip
    assert identity.not_after == UNTOLD


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=name)
def test_what_cannot_be_read_or_checked_speaks_for_nobody(vector: dict[str, str]) -> None:
    """Nothing is guessed: the request is refused with 403."""
    with pytest.raises(NotPermitted):
        identity_from_header(filled(vector["value"]))


def test_the_subject_keeps_escaped_characters_as_they_are() -> None:
    """A comma inside a value is part of it."""
    identity = identity_from_header(filled('Hash=<hash>;Subject="OU=web,O=Acme\\\\, Inc.,CN=shop"'))
    assert ("O", "Acme, Inc.") in identity.subject and ("OU", "web") in identity.subject


def test_a_certificate_says_more_than_its_description() -> None:
    """Where the proxy sends the certificate itself, end, authority and fingerprint are read from it."""
    identity = identity_from_header(f'Cert="{ENCODED}";Subject="CN=whatever"'.encode())
    assert (identity.common_name, identity.not_after) == ("leaf", CERTIFICATE.not_valid_after_utc)
    assert identity.issuer == key_identifier(x509.load_pem_x509_certificate(AUTHORITY.certificate))


def test_a_fingerprint_of_another_certificate_is_a_contradiction() -> None:
    """One of the two is wrong, so neither counts."""
    with pytest.raises(NotPermitted, match="two certificates"):
        identity_from_header(f'Hash={HASH};Cert="{ENCODED}"'.encode())


def test_only_a_trusted_proxy_speaks_for_others() -> None:
    """From anybody else the header is passed over and counted; the certificate of the connection counts."""
    value = filled('Hash=<hash>;Subject="CN=shop"')
    before = metrics.FORWARDED_IGNORED._value.get()
    assert identity_of(scope(Peer(None), value)).kind == "anonymous"
    assert identity_of(scope(Peer(DER), value)).common_name == "leaf"
    assert metrics.FORWARDED_IGNORED._value.get() - before == 2
    assert identity_of(scope(Peer(DER, trusted=True), value)).common_name == "shop"


def test_a_trusted_proxy_without_the_header_is_itself() -> None:
    """It may call in its own name, by its own certificate."""
    assert identity_of(scope(Peer(DER, trusted=True))).common_name == "leaf"
    assert identity_of(scope(Peer(None, trusted=True))) == Identity("anonymous")


def test_several_headers_are_one_list() -> None:
    """The last one is the nearest proxy's word, also when a caller sent one of its own."""
    forged, real = (filled(f'Hash=<hash>;Subject="CN={who}"') for who in ("admin", "shop"))
    assert identity_of(scope(Peer(None, trusted=True), forged, real)).common_name == "shop"


@pytest.mark.parametrize(
    ("address", "networks", "trusted"),
    [
        ("10.1.2.3", ["10.0.0.0/8"], True),
        ("11.1.2.3", ["10.0.0.0/8"], False),
        ("::ffff:10.1.2.3", ["10.0.0.0/8"], True),
        ("fd00::1", ["10.0.0.0/8", "fd00::/8"], True),
        ("fe80::1%eth0", ["fe80::/10"], True),
        ("10.1.2.3", ["10.1.2.3"], True),
        ("10.1.2.3", [], False),
        ("", ["0.0.0.0/0"], False),
    ],
)
def test_proxies_are_trusted_by_network(address: str, networks: list[str], trusted: bool) -> None:
    """Both families, single addresses, and IPv4 in its IPv6 form; without a setting nobody is trusted."""
    settings = EdgeSettings.model_validate({"trusted_proxies": networks})
    assert within(address, settings.trusted_proxies) is trusted
