"""The registry's door: Applications with their Services, Secrets and ConfigMaps."""

from dataclasses import replace

from faststream.nats import NatsRouter

from contracts import subjects
from contracts.application.acceptance import accepted_subjects
from contracts.certificate.v1 import CertificateIssued, CertificateRenewed, CertificateRevoked
from contracts.compass.authorities import Guests
from hub.kernel.admittance import Admittance
from hub.kernel.desk import Answer, Desk
from hub.kernel.egress import EgressRule
from hub.kernel.room import Room, RoomHouse
from hub.kernel.state import JSON
from hub.registry import sealing
from hub.registry.api import Endpoints, routes
from hub.registry.fetching import Fetcher, Limits
from hub.registry.handlers import Applied, Certified
from hub.registry.kinds import APPLICATION, CONFIG_MAP, KINDS, SECRET
from hub.registry.mirroring import Mirroring
from hub.registry.resealing import Resealing
from hub.registry.services import Services
from hub.registry.settings import RegistrySettings
from hub.registry.store import Store
from hub.registry.sweeping import Pace, Sweeper

_MIRRORED_AT_ONCE = 8
"""Applications of Compass, which come by the thousand."""
LOG_EVENTS = (
    "application.registered",
    "application.changed",
    "application.removed",
    "application.unannounced",
    "registration.leftover_kept",
    "registration.orphan_removed",
    "specification.unavailable",
    "sweep.failed",
)
"""Names of the events that this room logs."""


def build(settings: RegistrySettings, house: RoomHouse) -> Room:
    """Keeps what connected solutions register, and the resources they rely on."""
    router = NatsRouter()
    store = Store(
        house.resources(APPLICATION), house.resources(SECRET), house.objects, house.keys, house.clock,
        settings.integration_scope,
    )  # fmt: skip
    applied = Applied(store, house.publish)
    desk = Desk(APPLICATION, store.applications, house.clock, applied.after)

    async def delete(request: dict[str, object]) -> Answer:
        return await applied.delete(request, desk)

    house.answer(router, subjects.ask(subjects.APPLICATIONS, "apply"), desk.apply)
    house.answer(router, subjects.ask(subjects.APPLICATIONS, "delete"), delete)
    mirroring = Mirroring(store, applied.announce)
    house.answer(router, subjects.ask(subjects.APPLICATIONS, "mirror"), mirroring.asked, at_once=_MIRRORED_AT_ONCE)
    house.desk(router, replace(SECRET, admit=sealing.admission(house.keys)))
    house.answer(router, subjects.ask(subjects.SECRETS, "reseal"), Resealing(store.secrets, house.keys).asked)
    house.desk(router, CONFIG_MAP)

    certified = Certified(store)
    house.subscribe(router, CertificateIssued, certified.issued)
    house.subscribe(router, CertificateRenewed, certified.renewed)
    house.subscribe(router, CertificateRevoked, certified.revoked)

    fetcher = Fetcher(
        EgressRule(private=settings.spec_private_addresses, loopback=settings.spec_loopback),
        Limits(settings.spec_timeout_seconds, settings.spec_limit_bytes),
    )
    applications, guests = house.resource_view(subjects.APPLICATIONS), Guests()
    applications.on_change(guests.take_application)
    house.resource_view(subjects.COMPASS_CONNECTIONS).on_change(guests.take_connection)
    revoked = house.view(subjects.REVOCATIONS, JSON)
    endpoints = Endpoints(
        services=Services(store, fetcher, house.publish, house.clock, settings.gateway_url),
        admittance=Admittance(applications, revoked, accepted_subjects, house.clock, guests.is_stranger),
        body_limit_bytes=settings.body_limit_bytes,
        detailed_errors=settings.detailed_errors,
    )
    sweeper = Sweeper(store, Pace(settings.sweep_seconds, settings.orphan_seconds))

    async def stop() -> None:
        await sweeper.stop()
        await fetcher.close()

    return Room(
        "registry",
        router=router,
        routes={"edge": routes(endpoints)},
        kinds=KINDS,
        writes=(subjects.APPLICATIONS, subjects.SECRETS, subjects.CONFIGMAPS),
        start=sweeper.start,
        stop=stop,
    )
