"""The door of the catalog: event types of every Application, from the AsyncAPI documents they registered."""

from faststream.nats import NatsRouter

from contracts import subjects
from contracts.application.v1 import ApplicationChanged, ApplicationRegistered, ApplicationRemoved
from hub.catalog.handlers import Reconciler
from hub.catalog.settings import CatalogSettings
from hub.catalog.store import ENTRIES, EventTypes, Specifications
from hub.kernel.resource import Resource
from hub.kernel.room import Room, RoomHouse
from hub.kernel.state import View

LOG_EVENTS = ("catalog.changed", "catalog.reconciliation_failed", "specification.refused", "bug.caught")


def build(settings: CatalogSettings, house: RoomHouse) -> Room:
    """Keep the event catalog equal to what the Applications registered."""
    bucket, view = house.bucket(subjects.EVENT_TYPES, ENTRIES), house.view(subjects.EVENT_TYPES, ENTRIES)
    applications = house.resource_view(subjects.APPLICATIONS)
    reconciler = Reconciler(
        settings,
        EventTypes(bucket, view),
        applications=applications,
        specifications=Specifications(house.objects),
        publish=house.publish,
    )
    _mark_changes(applications, reconciler)
    router = NatsRouter()
    house.subscribe(router, ApplicationRegistered, reconciler.follow_hint)
    house.subscribe(router, ApplicationChanged, reconciler.follow_hint)
    house.subscribe(router, ApplicationRemoved, reconciler.follow_hint)
    return Room(
        "catalog", router=router, writes=(subjects.EVENT_TYPES,), start=reconciler.start, stop=reconciler.stop
    )


def _mark_changes(applications: View[Resource], reconciler: Reconciler) -> None:
    def mark(key: str, _resource: Resource | None) -> None:
        reconciler.mark(subjects.split_key(key)[1])

    applications.on_change(mark)
