"""The door of ingress: accepts events of connected solutions on the edge, and of functions and services inside.

The data's way: request → dialect (bytes → drafts) → admission (drafts → subject, headers, untouched data) → stream
`EVENTS` → receipt. Promises touched: stored before 2xx, no silent drop, identity not forged.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from contracts import subjects
from contracts.application.acceptance import accepted_subjects
from contracts.catalog.v1 import EventTypeEntry
from contracts.compass.authorities import Guests
from hub.ingress.accepting import Acceptance
from hub.ingress.addresses import Addresses
from hub.ingress.api import Endpoints
from hub.ingress.asking import Asking
from hub.ingress.doors import PATHS, PUBLISH, doors_of
from hub.ingress.expectations import Expectations
from hub.ingress.handlers import Reporter
from hub.ingress.limits import Limits
from hub.ingress.rules import Rules
from hub.ingress.settings import IngressSettings
from hub.kernel.admittance import Admittance
from hub.kernel.resource import Resource
from hub.kernel.room import Room, RoomHouse
from hub.kernel.settings import NatsSettings
from hub.kernel.state import JSON, Codec
from hub.kernel.workload import Workloads

LOG_EVENTS = ("event.rejected", "unknown_types.unreported")
_ENTRIES: Codec[EventTypeEntry] = Codec(EventTypeEntry.encode, lambda raw, _revision: EventTypeEntry.decode(raw))


def build(settings: IngressSettings, house: RoomHouse) -> Room:
    """Accepts events."""
    known, addresses = Expectations(settings.payload_check), Addresses(settings.event_type_prefix)
    house.view(subjects.EVENT_TYPES, _ENTRIES).on_change(known.changed)
    applications, revoked = house.resource_view(subjects.APPLICATIONS), house.view(subjects.REVOCATIONS, JSON)
    applications.on_change(addresses.application_changed)
    guests = Guests()
    applications.on_change(guests.take_application)
    house.resource_view(subjects.COMPASS_CONNECTIONS).on_change(guests.take_connection)
    admittance = Admittance(applications, revoked, accepted_subjects, house.clock, guests.is_stranger)
    rules, limits = Rules(known, addresses), Limits(settings.limit, settings.limits)
    shared = (settings, house.bus, house.clock, rules, limits, durability_of(house.settings.nats))
    outside, inside = Acceptance(*shared, admittance, None), Acceptance(*shared, None, Workloads(house.keys))
    view = house.resource_view(subjects.SUBSCRIPTIONS)

    def subscriptions() -> list[Resource]:
        return [subscription for _key, subscription in view.items()]

    reporter = Reporter(known, house.publish, house.clock, settings.unknown_report_seconds)

    return Room(
        "ingress",
        start=reporter.start,
        stop=reporter.stop,
        routes={
            "edge": _routes(Endpoints(outside, subscriptions)),
            "internal": [*Asking(house.bus.nc).routes(), *_internal_routes(Endpoints(inside, subscriptions))],
        },
        doors={"edge": doors_of(outside, PATHS), "internal": doors_of(inside, (*PATHS, PUBLISH))},
    )


def durability_of(nats: NatsSettings) -> str:
    """Return what the receipt promises: whether events are synced to disk when acknowledged, and in how many copies."""
    return f"{'synced' if nats.sync == 'always' else 'buffered'}, R{nats.replicas}"


def _routes(endpoints: Endpoints) -> list[BaseRoute]:
    return [
        *_posted("/{application}/events", endpoints.cloudevents, endpoints),
        *_posted("/{application}/v2/events", endpoints.second, endpoints),
        Route("/{application}/v1/events", endpoints.legacy, methods=["POST"]),
        Route("/{application}/v1/events/subscribed", endpoints.subscribed, methods=["GET"]),
    ]


def _internal_routes(endpoints: Endpoints) -> list[BaseRoute]:
    return [*_posted("/publish", endpoints.cloudevents, endpoints), *_routes(endpoints)]


def _posted(path: str, endpoint: Callable[[Request], Awaitable[Response]], endpoints: Endpoints) -> list[BaseRoute]:
    return [Route(path, endpoint, methods=["POST"]), Route(path, endpoints.handshake, methods=["OPTIONS"])]
