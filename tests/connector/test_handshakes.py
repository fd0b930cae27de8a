"""Certificates that the edge refuses in the handshake itself: real sockets, real TLS, both of its versions."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contracts import subjects
from hub.connector.authority import create, key_pem, key_usage, new_key
from hub.connector.model import Authority
from hub.connector.store import Authorities
from hub.kernel.keys import load_keys
from hub.kernel.state import JSON, Bucket

from .conftest import Edge

INFO = "/v1/applications/management/info"
DAY = timedelta(days=1)


async def authority_of(edge: Edge) -> Authority:
    """Return the running hub's authority, key included, as the hub itself opens it."""
    settings = edge.process.settings
    store = Authorities(Bucket(edge.bus.js, subjects.AUTHORITIES, JSON), load_keys(settings.keys, settings.data_dir))
    return (await store.read())[0].authority


def solution(folder: Path, authority: Authority, *, begins: timedelta, ends: timedelta, usage: str = "client") -> Path:
    """Write key and certificate of `shop` with the given life and use."""
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    issuer_key = serialization.load_pem_private_key(authority.key, None)
    key, now = new_key("ecdsa-p256"), datetime.now(UTC)
    extended = {"client": ExtendedKeyUsageOID.CLIENT_AUTH, "server": ExtendedKeyUsageOID.SERVER_AUTH}[usage]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop")]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(key_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([extended]), critical=False)
        .sign(issuer_key, hashes.SHA256())  # type: ignore[arg-type]  # RSA or EC
    )
    path = folder / "made.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key_pem(key))
    return path


async def status_with(edge: Edge, path: Path, version: ssl.TLSVersion) -> int:
    """Return the answer's status to a caller with this certificate.

    Raises:
        httpx.TransportError: there is no connection.
    """
    context = ssl.create_default_context(cafile=edge.ca)
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(path)
    async with httpx.AsyncClient(verify=context, timeout=10) as client:
        return (await client.get(edge.url + INFO)).status_code


VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])


@VERSIONS
async def test_a_certificate_in_force_is_let_in(edge: Edge, version: ssl.TLSVersion) -> None:
    """What the refusals below are compared with."""
    path = solution(edge.folder, await authority_of(edge), begins=-DAY, ends=DAY)
    assert await status_with(edge, path, version) == 200


@VERSIONS
@pytest.mark.parametrize(
    ("begins", "ends", "usage"),
    [(-2 * DAY, -DAY, "client"), (DAY, 2 * DAY, "client"), (-DAY, DAY, "server")],
    ids=["expired", "not-yet-valid", "of-a-server"],
)
async def test_a_certificate_out_of_its_time_or_use_gets_no_connection(
    begins: timedelta, ends: timedelta, usage: str, version: ssl.TLSVersion, edge: Edge
) -> None:
    """The hub's own authority signed it, and still there is no answer to it."""
    path = solution(edge.folder, await authority_of(edge), begins=begins, ends=ends, usage=usage)
    with pytest.raises(httpx.TransportError):
        await status_with(edge, path, version)


@VERSIONS
@pytest.mark.parametrize("self_signed", [True, False], ids=["self-signed", "wrong-authority"])
async def test_a_stranger_gets_no_connection(
    self_signed: bool, version: ssl.TLSVersion, edge: Edge, tmp_path: Path
) -> None:
    """An authority of the same name is still another one."""
    foreign = create("ecdsa-p256", now=datetime.now(UTC), days=10)
    path = solution(tmp_path, foreign, begins=-DAY, ends=DAY)
    if self_signed:
        path.write_bytes(foreign.certificate + foreign.key)
    with pytest.raises(httpx.TransportError):
        await status_with(edge, path, version)


@VERSIONS
async def test_a_certificate_that_ends_on_an_open_connection_is_refused_with_the_next_request(
    edge: Edge, version: ssl.TLSVersion
) -> None:
    """The handshake is long over; each request looks again."""
    path = solution(edge.folder, await authority_of(edge), begins=-DAY, ends=timedelta(seconds=4))
    context = ssl.create_default_context(cafile=edge.ca)
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(path)
    seen: list[int] = []
    async with httpx.AsyncClient(verify=context, timeout=10) as client:
        limit = datetime.now(UTC) + timedelta(seconds=15)
        while datetime.now(UTC) < limit and (not seen or seen[-1] == 200):
            seen.append((await client.get(edge.url + INFO)).status_code)
            await asyncio.sleep(0.05)
    assert (seen[0], seen[-1]) == (200, 401)
