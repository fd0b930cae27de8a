"""The edge's TLS: the server certificate, issued by the hub's authority and renewed in time, and whom it trusts.

Not pure: it holds TLS contexts and a timer. The listener is given one context for good; each handshake is handed on to
the newest context behind it, so that what changes holds for the next connection and leaves the open ones alone. The
private key lives in memory; Python's TLS takes keys from files only, so it passes through a file that is encrypted with
a password nobody keeps and removed at once.
"""

import asyncio
import secrets
import ssl
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from hub.connector.authority import server_certificate
from hub.connector.model import Authority
from hub.kernel.clock import Clock
from hub.kernel.ending import end

log = structlog.get_logger()
_DAY_SECONDS = 86400.0
Issuer = Callable[[], Authority]


class ServerCertificate:
    """Keeps one listener supplied with a valid server certificate and with the authorities it trusts."""

    def __init__(self, hostnames: Iterable[str], days: float, clock: Clock) -> None:
        """Make the listener's context; it serves after `adopt`."""
        self.context = _context()
        # Also called for clients that name no server.
        self.context.sni_callback = self._hand_on
        self._behind = self.context
        self._hostnames = list(hostnames)
        self._days = days
        self._clock = clock
        self._renewal: asyncio.Task[None] | None = None

    async def adopt(self, trusted: Sequence[x509.Certificate], issuer: Issuer) -> None:
        """Trust these authorities for clients from now on, serve with a certificate, and renew it.

        Args:
            trusted: authorities of client certificates.
            issuer: asked with each renewal which authority vouches for the server.
        """
        await self.stop()
        self._behind = await asyncio.to_thread(self._fresh, trusted, issuer)
        self._renewal = asyncio.create_task(self._keep(trusted, issuer), name="server-certificate")

    async def stop(self) -> None:
        """Renew no more."""
        await end(self._renewal)

    async def _keep(self, trusted: Sequence[x509.Certificate], issuer: Issuer) -> None:
        while True:
            await asyncio.sleep(self._days * _DAY_SECONDS * 2 / 3)
            self._behind = await asyncio.to_thread(self._fresh, trusted, issuer)
            log.info("server_certificate.renewed", days=self._days)

    def _fresh(self, trusted: Sequence[x509.Certificate], issuer: Issuer) -> ssl.SSLContext:
        chain, key = server_certificate(issuer(), self._hostnames, now=self._clock.now(), days=self._days)
        context = _context()
        pem = b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in trusted)
        context.load_verify_locations(cadata=pem.decode())
        load_chain(context, chain, key)
        return context

    def _hand_on(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._behind


def _context() -> ssl.SSLContext:
    """Return a server's context.

    Client certificates are optional at the handshake, because pairing needs none; one that no trusted authority signed,
    or that is not in force, ends the handshake. An authority in the middle of a chain is trusted for itself alone.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["http/1.1"])
    return context


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


def write_authorities(data_dir: Path, certificates: bytes) -> Path:
    """Write the authorities' certificates to `<data_dir>/ca.crt` for clients: readable by all, whole or not at all."""
    path = data_dir / "ca.crt"
    if path.exists() and path.read_bytes() == certificates:
        return path
    draft = data_dir / f".ca.crt.{secrets.token_hex(4)}"
    draft.write_bytes(certificates)
    draft.chmod(0o644)
    draft.replace(path)
    return path
