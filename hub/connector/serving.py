"""The edge's server certificate: issued by the hub's authority, put into the live TLS context, renewed in time.

Not pure: it holds a TLS context and a timer. The private key lives in memory; Python's TLS takes keys from files only,
so it passes through a file that is encrypted with a password nobody keeps and removed at once.
"""

import asyncio
import contextlib
import secrets
import ssl
import tempfile
from collections.abc import Iterable
from pathlib import Path

import structlog
from cryptography.hazmat.primitives import serialization

from hub.connector.authority import server_certificate
from hub.connector.model import Authority
from hub.kernel.clock import Clock

log = structlog.get_logger()
_DAY_SECONDS = 86400.0


class ServerCertificate:
    """Keeps one TLS context supplied with a valid server certificate."""

    def __init__(self, hostnames: Iterable[str], days: float, clock: Clock) -> None:
        """Make the context; it serves after `start`.

        Client certificates are optional at the handshake, because pairing needs none; one that the authority did not
        sign, or that is not in force, ends the handshake.
        """
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.verify_mode = ssl.CERT_OPTIONAL
        self.context.set_alpn_protocols(["http/1.1"])
        self._hostnames = list(hostnames)
        self._days = days
        self._clock = clock
        self._renewal: asyncio.Task[None] | None = None

    async def start(self, authority: Authority) -> None:
        """Trust the authority for clients, take a first certificate, and begin to renew it."""
        self.context.load_verify_locations(cadata=authority.certificate.decode())
        await asyncio.to_thread(self._renew, authority)
        self._renewal = asyncio.create_task(self._keep(authority), name="server-certificate")

    async def stop(self) -> None:
        """Renew no more."""
        if self._renewal is not None:
            self._renewal.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewal

    async def _keep(self, authority: Authority) -> None:
        while True:
            await asyncio.sleep(self._days * _DAY_SECONDS * 2 / 3)
            await asyncio.to_thread(self._renew, authority)
            log.info("server_certificate.renewed", days=self._days)

    def _renew(self, authority: Authority) -> None:
        chain, key = server_certificate(authority, self._hostnames, now=self._clock.now(), days=self._days)
        load_chain(self.context, chain, key)


def load_chain(context: ssl.SSLContext, chain: bytes, key: bytes) -> None:
    """Put certificate chain and key (PEM) into a TLS context; connections made from now on use them."""
    password = secrets.token_bytes(32)
    sealed = serialization.load_pem_private_key(key, password=None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )
    with tempfile.NamedTemporaryFile(prefix="hub-") as file:  # readable by its owner only
        file.write(sealed + chain)
        file.flush()
        context.load_cert_chain(file.name, password=password)


def write_authority(data_dir: Path, authority: Authority) -> Path:
    """Write the authority's certificate to `<data_dir>/ca.crt` for clients: readable by all, whole or not at all."""
    path = data_dir / "ca.crt"
    if path.exists() and path.read_bytes() == authority.certificate:
        return path
    draft = data_dir / f".ca.crt.{secrets.token_hex(4)}"
    draft.write_bytes(authority.certificate)
    draft.chmod(0o644)
    draft.replace(path)
    return path
