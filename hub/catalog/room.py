"""The door of the catalog: event types of every Application, from the specifications they registered.

Besides, what the catalog finds out (types posted but unknown, specifications that cannot be read) and the events that
ingress keeps aside because their data breaks the schema.
"""

from faststream.nats import NatsRouter

from contracts import subjects
from contracts.application.v1 import ApplicationChanged, ApplicationRegistered, ApplicationRemoved
from contracts.catalog.v1 import EventTypesObserved
from hub.catalog.handlers import Observer, Reconciler
from hub.catalog.quarantine import Quarantine
from hub.catalog.settings import CatalogSettings
from hub.catalog.store import ENTRIES, FINDINGS, EventTypes, Findings, Specifications
from hub.kernel.resource import Resource
from hub.kernel.room import Room, RoomHouse
from hub.kernel.state import View

LOG_EVENTS = (
    "catalog.changed", "catalog.reconciliation_failed", "specification.refused", "unknown_types.passed_over",
    "quarantine.released", "quarantine.dropped", "bug.caught",
)  # fmt: skip


def build(settings: CatalogSettings, house: RoomHouse) -> Room:
    """Keep the event catalog equal to what the Applications registered."""
    bucket, view = house.bucket(subjects.EVENT_TYPES, ENTRIES), house.view(subjects.EVENT_TYPES, ENTRIES)
    applications = house.resource_view(subjects.APPLICATIONS)
    types = EventTypes(bucket, view)
    findings = Findings(
        house.bucket(subjects.CATALOG_FINDINGS, FINDINGS), house.view(subjects.CATALOG_FINDINGS, FINDINGS)
    )
    reconciler = Reconciler(
        settings,
        types,
        applications=applications,
        specifications=Specifications(house.objects),
        findings=findings,
        house=house,
    )
    _mark_changes(applications, reconciler)
    router = NatsRouter()
    house.subscribe(router, ApplicationRegistered, reconciler.follow_hint)
    house.subscribe(router, ApplicationChanged, reconciler.follow_hint)
    house.subscribe(router, ApplicationRemoved, reconciler.follow_hint)
    house.subscribe(router, EventTypesObserved, Observer(settings, types, findings, house.clock).take)
    quarantine = Quarantine(house.bus, house.publish)
    for verb, asked in quarantine.verbs().items():
        house.answer(router, subjects.ask("quarantine", verb), asked)
    writes = (subjects.EVENT_TYPES, subjects.CATALOG_FINDINGS)
    return Room("catalog", router=router, writes=writes, start=reconciler.start, stop=reconciler.stop)


def _mark_changes(applications: View[Resource], reconciler: Reconciler) -> None:
    def mark(key: str, _resource: Resource | None) -> None:
        reconciler.mark(subjects.split_key(key)[1])

    applications.on_change(mark)
