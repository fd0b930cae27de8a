"""The connector's door: pairing, client certificates and their end, the authorities, and the edge's TLS."""

from faststream.nats import NatsRouter

from contracts import subjects
from contracts.application.acceptance import accepted_subjects
from contracts.compass.authorities import Guests
from hub.connector.announcing import Announcer
from hub.connector.api import Endpoints, routes
from hub.connector.clients import Clients
from hub.connector.custody import Custody
from hub.connector.handlers import Authorizing, Pairings, Revoking, Vouching
from hub.connector.resealing import Resealing
from hub.connector.serving import ServerCertificate
from hub.connector.settings import ConnectorSettings
from hub.connector.store import PAIRINGS, REVOKED, Authorities, Revocations, Tokens
from hub.connector.tidying import Tidying
from hub.kernel.admittance import Admittance
from hub.kernel.room import Room, RoomHouse
from hub.kernel.state import JSON

LOG_EVENTS = (
    "authority.changed",
    "authority.passed_over",
    "authority.unreadable",
    "certificate.issued",
    "certificate.renewed",
    "certificate.revoked",
    "certificate.unannounced",
    "pairing.offered",
    "revocations.forgotten",
    "revocations.kept",
    "server_certificate.renewed",
)
"""Names of the events that this room logs."""
WRITES = (subjects.AUTHORITIES, subjects.TOKENS, subjects.REVOCATIONS)


def build(settings: ConnectorSettings, house: RoomHouse) -> Room:
    """Pairs connected solutions and runtimes, and issues their client certificates."""
    applications, guests = house.resource_view(subjects.APPLICATIONS), Guests()
    applications.on_change(guests.take_application)
    connections = house.resource_view(subjects.COMPASS_CONNECTIONS)
    connections.on_change(guests.take_connection)
    revoked = house.view(subjects.REVOCATIONS, REVOKED)
    followed = house.view(subjects.AUTHORITIES, JSON)
    revocations = Revocations(house.bucket(subjects.REVOCATIONS, REVOKED), revoked)
    custody = _custody(settings, house, revocations)
    announcer = Announcer(house.publish)
    endpoints = Endpoints(
        base_url=house.settings.edge.base_url,
        settings=settings,
        clients=Clients(applications, settings.subject),
        tokens=_tokens(settings, house),
        revoking=Revoking(revocations, announcer, house.clock, custody.ends),
        admittance=Admittance(applications, revoked, accepted_subjects, house.clock, guests.is_stranger),
        custody=custody,
        announcer=announcer,
        clock=house.clock,
    )
    tidying = Tidying(revocations, house.clock, settings.tidy_seconds)

    async def start() -> None:
        await custody.start(followed, connections)
        tidying.start()

    async def stop() -> None:
        await tidying.stop()
        await custody.stop()

    return Room(
        "connector",
        router=_router(house, endpoints),
        routes={"edge": routes(endpoints)},
        writes=WRITES,
        tls={"edge": custody.context},
        start=start,
        stop=stop,
    )


def _custody(settings: ConnectorSettings, house: RoomHouse, revocations: Revocations) -> Custody:
    return Custody(
        settings,
        Authorities(house.bucket(subjects.AUTHORITIES, JSON), house.keys),
        revocations,
        ServerCertificate(house.settings.edge.hostnames, settings.server_certificate_days, house.clock),
        clock=house.clock,
        data_dir=house.settings.data_dir,
    )


def _tokens(settings: ConnectorSettings, house: RoomHouse) -> Tokens:
    bucket = house.bucket(subjects.TOKENS, PAIRINGS)
    return Tokens(bucket, house.clock, settings.token_seconds, settings.runtime_token_seconds)


def _router(house: RoomHouse, endpoints: Endpoints) -> NatsRouter:
    """Return what operators ask: `ask.<what>.<verb>`."""
    router = NatsRouter()
    pairings = Pairings(endpoints.base_url, endpoints.tokens, endpoints.clients, endpoints.announcer)
    authorizing = Authorizing(endpoints.custody, endpoints.announcer)
    resealing = Resealing(house.bucket(subjects.AUTHORITIES, JSON), house.keys)
    house.answer(router, subjects.ask(subjects.TOKENS, "create"), pairings.asked)
    vouching = Vouching(house.keys, endpoints.announcer)
    house.answer(router, subjects.ask(subjects.TOKENS, "vouch"), vouching.asked)
    house.answer(router, subjects.ask(subjects.REVOCATIONS, "create"), endpoints.revoking.asked)
    house.answer(router, subjects.ask(subjects.AUTHORITIES, "list"), authorizing.show)
    house.answer(router, subjects.ask(subjects.AUTHORITIES, "rotate"), authorizing.rotate)
    house.answer(router, subjects.ask(subjects.AUTHORITIES, "finish"), authorizing.finish)
    house.answer(router, subjects.ask(subjects.AUTHORITIES, "reseal"), resealing.asked)
    return router
