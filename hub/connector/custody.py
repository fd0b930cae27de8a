"""Holds the authorities in this process: made or brought at the start, followed while another process changes them.

Level-triggered: a change on the bus only says that there is something to read, so nothing is lost when it is missed.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from cryptography import x509

from contracts.compass.authorities import certificates_of
from hub.connector import authority, generations
from hub.connector.importing import read_authority
from hub.connector.model import Authority, Generation, Generations
from hub.connector.serving import ServerCertificate, write_authorities
from hub.connector.settings import ConnectorSettings
from hub.connector.store import Authorities, Revocations
from hub.kernel.clock import Clock, rfc3339
from hub.kernel.ending import end
from hub.kernel.errors import AlreadyExists, BrokerUnavailable, HubError, Misconfigured
from hub.kernel.resource import Resource
from hub.kernel.state import View

log = structlog.get_logger()
_RETRY_SECONDS = 1.0


class Custody:
    """The authorities and the edge's server certificate, from the room's start to its stop."""

    def __init__(
        self,
        settings: ConnectorSettings,
        store: Authorities,
        revocations: Revocations,
        certificate: ServerCertificate,
        *,
        clock: Clock,
        data_dir: Path,
    ) -> None:
        """Take what the authorities are kept in, ended by and served with; `data_dir` gets `ca.crt`."""
        self._settings = settings
        self._store = store
        self._revocations = revocations
        self._certificate = certificate
        self._clock = clock
        self._data_dir = data_dir
        self._held: Generations = ()
        self._connections: View[Resource] | None = None
        self._let_in = ""
        self._changed = asyncio.Event()
        self._adopting = asyncio.Lock()
        self._following: asyncio.Task[None] | None = None

    async def start(self, view: View[Any], connections: View[Resource]) -> None:
        """Find, make or import the authority, show it to clients, begin to serve with it and to follow changes.

        Args:
            view: of the authorities that are kept.
            connections: with Compass; they say which authority's clients are let in besides.

        Raises:
            Misconfigured: the settings name an authority that cannot be used, or the master key is another one.
        """
        kept = await self._store.obtain(self._first)
        brought = await self._brought()
        if brought is not None and not generations.holds(kept, brought):
            with contextlib.suppress(AlreadyExists):  # another process of this hub was faster
                kept = await self._store.change(self._rotated(brought))
        self._connections = connections
        await self._adopt(kept, self._guests())
        connections.on_change(lambda _key, _connection: self._changed.set())
        view.on_change(lambda _key, _kept: self._changed.set())
        self._following = asyncio.create_task(self._follow(), name="authorities")

    async def stop(self) -> None:
        """Follow no more, renew no more."""
        await end(self._following)
        await self._certificate.stop()

    def issuing(self) -> Authority:
        """Return the authority that signs certificates now."""
        return generations.issuing(self._generations(), self._clock.now())

    def trusted(self) -> bytes:
        """Return the certificates of all authorities as PEM, the issuing one first."""
        return generations.trusted(self._generations(), self._clock.now())

    def ends(self) -> datetime:
        """Return the moment by which every certificate has ended."""
        return max(found.not_valid_after_utc for found in generations.certificates_of(self._generations()))

    def described(self) -> list[dict[str, Any]]:
        """Return what operators are shown of the authorities."""
        return generations.described(self._generations(), self._clock.now(), self._settings.certificate_days)

    def context(self) -> ssl.SSLContext:
        """Return the edge's TLS context."""
        return self._certificate.context

    async def rotate(self) -> None:
        """Begin an overlap with a new authority; returns when this process trusts it, others follow at once."""
        following = await self._brought() or await self._made()
        await self._store.change(self._rotated(following))
        await self._refresh()

    async def finish(self, *, force: bool) -> None:
        """End every authority but the newest: what they signed is refused on open connections too.

        Their certificates are refused before they are forgotten, so that a crash in between is repaired by repeating.
        """
        kept, ended = self._finished(await self._store.read(), force=force)
        (newest,) = generations.certificates_of(kept)
        for certificate in generations.certificates_of(ended):
            identifier = authority.key_identifier(certificate)
            if identifier != authority.key_identifier(newest):  # the same key, certified anew, goes on
                await self._revocations.add(
                    identifier,
                    {
                        "reason": "its authority was ended",
                        "revoked": rfc3339(self._clock.now()),
                        "not_after": rfc3339(certificate.not_valid_after_utc),
                    },
                )
        await self._store.change(lambda found: self._finished(found, force=force)[0])
        await self._refresh()

    def _finished(self, found: Generations, *, force: bool) -> tuple[Generations, Generations]:
        return generations.finished(found, self._clock.now(), self._settings.certificate_days, force=force)

    def _rotated(self, following: Authority) -> Callable[[Generations], Generations]:
        return lambda found: generations.rotated(found, following, self._clock.now())

    def _generations(self) -> Generations:
        if not self._held:
            raise BrokerUnavailable("The certificate authority is not loaded yet; try again shortly.")
        return self._held

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._refresh()
            except HubError as error:
                log.warning("authority.unreadable", error=error.detail)
                await asyncio.sleep(_RETRY_SECONDS)
                self._changed.set()

    async def _refresh(self) -> None:
        async with self._adopting:
            kept, guests = await self._store.read(), self._guests()
            if (kept, guests) != (self._held, self._let_in):
                await self._adopt(kept, guests)

    def _guests(self) -> str:
        """Return the authorities of other houses whose clients are let in, as PEM."""
        connections = self._connections.items() if self._connections is not None else ()
        return "".join(certificates_of(connection.status) for _, connection in connections)

    async def _adopt(self, kept: Generations, guests: str) -> None:
        trusted = [*generations.certificates_of(kept), *_readable(guests)]
        await self._certificate.adopt(trusted, lambda: generations.serving(kept, self._clock.now()))
        await asyncio.to_thread(write_authorities, self._data_dir, generations.trusted(kept, self._clock.now()))
        self._held, self._let_in = kept, guests

    async def _first(self) -> Generation:
        return Generation(await self._brought() or await self._made(), self._clock.now())

    async def _made(self) -> Authority:
        kind, days = self._settings.authority, self._settings.authority_days
        return await asyncio.to_thread(authority.create, kind, now=self._clock.now(), days=days)

    async def _brought(self) -> Authority | None:
        """Return the authority that the settings name, if they name one."""
        certificate, key = self._settings.ca_certificate_file, self._settings.ca_key_file
        if certificate is None or key is None:
            return None
        password = self._settings.ca_key_password
        try:
            pem, secret = await asyncio.to_thread(certificate.read_bytes), await asyncio.to_thread(key.read_bytes)
        except OSError as error:
            raise Misconfigured(f"The authority in {error.filename} cannot be read ({error.strerror}).") from error
        given = password.get_secret_value().encode() if password is not None else None
        return read_authority(pem, secret, given, self._clock.now())


def _readable(guests: str) -> list[x509.Certificate]:
    """Return certificates of a PEM text; one that cannot be read must not take the edge down."""
    try:
        return x509.load_pem_x509_certificates(guests.encode()) if guests else []
    except ValueError as error:
        log.warning("authority.passed_over", error=str(error))
        return []
