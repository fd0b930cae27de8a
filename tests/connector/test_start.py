"""The authority over the life of the hub: made once, agreed on, sealed, and shown to clients."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography import x509

from contracts import subjects
from hub.connector.authority import create, opened
from hub.connector.model import Generation
from hub.connector.serving import ServerCertificate, write_authorities
from hub.connector.store import Authorities
from hub.house import Running
from hub.kernel.broker import Bus
from hub.kernel.clock import SystemClock
from hub.kernel.errors import Misconfigured
from hub.kernel.keys import Keys
from hub.kernel.state import JSON, Bucket
from hub.settings import HubSettings

from .conftest import NOW, Edge


async def test_processes_that_start_together_agree_on_one_authority(bus: Bus) -> None:
    """Whoever is first makes it; the others throw theirs away."""
    keys = Keys(bytes(32))

    async def make() -> Generation:
        await asyncio.sleep(0)
        return Generation(create("ecdsa-p256", now=NOW, days=1), NOW)

    stores = [Authorities(Bucket(bus.js, subjects.AUTHORITIES, JSON), keys) for _ in range(5)]
    obtained = await asyncio.gather(*(store.obtain(make) for store in stores))
    assert len(set(obtained)) == 1


async def test_the_authority_does_not_open_with_another_master_key(bus: Bus) -> None:
    """Who has the store but not the key cannot sign, and is told what is wrong."""
    bucket = Bucket(bus.js, subjects.AUTHORITIES, JSON)

    async def make() -> Generation:
        return Generation(create("ecdsa-p256", now=NOW, days=1), NOW)

    await Authorities(bucket, Keys(bytes(32))).obtain(make)
    with pytest.raises(Misconfigured, match="another master key"):
        await Authorities(bucket, Keys(bytes(31) + b"x")).obtain(make)


async def test_a_restart_keeps_the_authority(running: Callable[..., Awaitable[Running]], settings: HubSettings) -> None:
    """Certificates issued before a restart stay good after it."""
    first = await running(["connector"])
    certificate = (settings.data_dir / "ca.crt").read_bytes()
    await first.stop()
    await running(["connector"])
    assert certificate == (settings.data_dir / "ca.crt").read_bytes()


def test_the_authoritys_certificate_is_readable_by_all_and_written_whole(tmp_path: Path) -> None:
    """`curl --cacert` of any user works; a stale file is replaced, and no draft stays behind."""
    (tmp_path / "ca.crt").write_bytes(b"stale")
    path = write_authorities(tmp_path, b"new")
    assert (
        path.read_bytes(), path.stat().st_mode & 0o777, [found.name for found in tmp_path.iterdir()],
    ) == (b"new", 0o644, ["ca.crt"])  # fmt: skip


async def test_no_file_with_the_servers_key_stays_behind(edge: Edge) -> None:
    """Neither the data directory nor its neighbours hold a private key besides the master key."""
    written = [path for path in edge.ca.parent.rglob("*") if path.is_file()]
    assert [path for path in written if b"PRIVATE KEY" in path.read_bytes()] == []


async def test_a_renewed_server_certificate_serves_the_next_connection() -> None:
    """The live TLS context takes the new certificate; no listener is closed for it."""
    clock, shown = SystemClock(), set()
    authority = create("ecdsa-p256", now=clock.now(), days=10)
    certificate = ServerCertificate(["localhost"], 2, clock)
    trusted = [opened(authority)[0]]
    await certificate.adopt(trusted, lambda: authority)
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0, ssl=certificate.context)
    trusting = ssl.create_default_context(cadata=authority.certificate.decode())
    for _ in range(2):
        _, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname(), ssl=trusting, server_hostname="localhost"
        )
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        shown.add(x509.load_der_x509_certificate(der).serial_number)
        writer.close()
        await certificate.adopt(trusted, lambda: authority)
    server.close()
    await certificate.stop()
    assert len(shown) == 2


def test_old_tls_is_not_spoken_and_client_certificates_are_optional() -> None:
    """Pairing needs a connection without a certificate; TLS begins with 1.2."""
    context = ServerCertificate(["localhost"], 1, SystemClock()).context
    assert (ssl.TLSVersion.TLSv1_2, ssl.CERT_OPTIONAL) == (context.minimum_version, context.verify_mode)
