"""The hub's certificate authority and the server certificate of the edge, as other programs see them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hub.connector.authority import create, opened, server_certificate
from hub.connector.model import Authority

from .conftest import NOW, openssl


def test_an_authority_signs_certificates_and_only_leaves() -> None:
    """Its certificate says CA, path length 0, and certificate signing; it is valid from before now."""
    certificate, _ = opened(create("ecdsa-p256", now=NOW, days=10))
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (
        constraints.ca, constraints.path_length, usage.key_cert_sign, usage.digital_signature,
    ) == (True, 0, True, False)  # fmt: skip
    assert certificate.not_valid_before_utc < NOW < certificate.not_valid_after_utc


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("ecdsa-p256", ec.EllipticCurvePrivateKey), ("rsa-4096", rsa.RSAPrivateKey)]
)
def test_the_key_of_an_authority_is_of_the_kind_asked_for(algorithm: str, kind: type) -> None:
    """Either algorithm of the setting makes a working authority."""
    _, key = opened(create(algorithm, now=NOW, days=10))
    assert isinstance(key, kind)


def test_openssl_accepts_the_servers_chain_for_names_and_addresses(tmp_path: Path) -> None:
    """The edge's certificate is good for every configured host name and address, and for no other."""
    now = datetime.now(UTC)
    authority = create("ecdsa-p256", now=now, days=10)
    chain, key = server_certificate(authority, ["localhost", "127.0.0.1", "::1", "hub.test"], now=now, days=5)
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    (tmp_path / "chain.crt").write_bytes(chain)
    verify = ("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(tmp_path / "ca.crt"))
    for name in (["-verify_hostname", "localhost"], ["-verify_hostname", "hub.test"], ["-verify_ip", "::1"]):
        assert openssl(*verify, *name, str(tmp_path / "chain.crt")).endswith(b"OK\n")
    with pytest.raises(AssertionError, match="hostname mismatch"):
        openssl(*verify, "-verify_hostname", "other.test", str(tmp_path / "chain.crt"))
    assert b"BEGIN PRIVATE KEY" in key


def test_an_authority_does_not_show_its_key() -> None:
    """Printed or logged by accident, it says that there is a key and no more."""
    authority = Authority(b"certificate", b"very private")
    assert "very private" not in repr(authority)
