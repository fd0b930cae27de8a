"""The connector's door: pairing, client certificates and their end, and the edge's TLS."""

import asyncio
import ssl

from faststream.nats import NatsRouter

from contracts import subjects
from contracts.application.acceptance import accepted_subjects
from hub.connector import authority
from hub.connector.api import Clients, Endpoints, routes
from hub.connector.handlers import Pairings, Revoking
from hub.connector.model import Authority
from hub.connector.resealing import Resealing
from hub.connector.serving import ServerCertificate, write_authority
from hub.connector.settings import ConnectorSettings
from hub.connector.store import PAIRINGS, REVOKED, Authorities, Revocations, Tokens
from hub.kernel.admittance import Admittance
from hub.kernel.errors import BrokerUnavailable
from hub.kernel.room import Room, RoomHouse
from hub.kernel.state import JSON

LOG_EVENTS = (
    "certificate.issued",
    "certificate.renewed",
    "certificate.revoked",
    "certificate.unannounced",
    "pairing.offered",
    "server_certificate.renewed",
)
"""Names of the events that this room logs."""
WRITES = (subjects.AUTHORITIES, subjects.TOKENS, subjects.REVOCATIONS)


class _Custody:
    """The authority and the edge's server certificate, from the room's start to its stop."""

    def __init__(self, settings: ConnectorSettings, house: RoomHouse) -> None:
        self._settings = settings
        self._clock = house.clock
        self._data_dir = house.settings.data_dir
        self._authorities = Authorities(house.bucket(subjects.AUTHORITIES, JSON), house.keys)
        self._held: Authority | None = None
        self.certificate = ServerCertificate(
            house.settings.edge.hostnames, settings.server_certificate_days, house.clock
        )

    async def start(self) -> None:
        """Find or make the authority, show its certificate to clients, and begin to serve with it."""
        self._held = await self._authorities.obtain(self._make)
        await asyncio.to_thread(write_authority, self._data_dir, self._held)
        await self.certificate.start(self._held)

    async def _make(self) -> Authority:
        days = self._settings.authority_days
        return await asyncio.to_thread(authority.create, self._settings.authority, now=self._clock.now(), days=days)

    def get(self) -> Authority:
        """Return the authority."""
        if self._held is None:
            raise BrokerUnavailable("The certificate authority is not loaded yet; try again shortly.")
        return self._held

    def context(self) -> ssl.SSLContext:
        """Return the edge's TLS context."""
        return self.certificate.context


def build(settings: ConnectorSettings, house: RoomHouse) -> Room:
    """Pairs connected solutions and issues their client certificates."""
    router = NatsRouter()
    base_url = house.settings.edge.base_url
    applications = house.resource_view(subjects.APPLICATIONS)
    revoked = house.view(subjects.REVOCATIONS, REVOKED)
    revocations = Revocations(house.bucket(subjects.REVOCATIONS, REVOKED), revoked)
    revoking = Revoking(revocations, house.publish, house.clock)
    tokens = Tokens(house.bucket(subjects.TOKENS, PAIRINGS), house.clock, settings.token_seconds)
    clients = Clients(applications, settings)
    custody = _Custody(settings, house)
    endpoints = Endpoints(
        base_url=base_url,
        settings=settings,
        clients=clients,
        tokens=tokens,
        revoking=revoking,
        admittance=Admittance(applications, revoked, accepted_subjects, house.clock),
        authority=custody.get,
        publish=house.publish,
        clock=house.clock,
    )
    resealing = Resealing(house.bucket(subjects.AUTHORITIES, JSON), house.keys)
    house.answer(router, subjects.ask(subjects.AUTHORITIES, "reseal"), resealing.asked)
    house.answer(router, subjects.ask(subjects.TOKENS, "create"), Pairings(base_url, tokens, clients.find).asked)
    house.answer(router, subjects.ask(subjects.REVOCATIONS, "create"), revoking.asked)
    return Room(
        "connector",
        router=router,
        routes={"edge": routes(endpoints)},
        writes=WRITES,
        tls={"edge": custody.context},
        start=custody.start,
        stop=custody.certificate.stop,
    )
