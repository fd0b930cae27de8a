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
from hub.ingress.api import Ingress
from hub.ingress.doors import PATHS, PUBLISH, doors_of
from hub.ingress.expectations import Expectations
from hub.ingress.settings import IngressSettings
from hub.kernel.admittance import Admittance
from hub.kernel.room import Room, RoomHouse
from hub.kernel.settings import NatsSettings
from hub.kernel.state import JSON, Codec

LOG_EVENTS = ("event.rejected",)
_ENTRIES: Codec[EventTypeEntry] = Codec(EventTypeEntry.encode, lambda raw, _revision: EventTypeEntry.decode(raw))


def build(settings: IngressSettings, house: RoomHouse) -> Room:
    """Accepts events."""
    expectations = Expectations(settings.payload_check)
    house.view(subjects.EVENT_TYPES, _ENTRIES).on_change(expectations.changed)
    applications, revoked = house.resource_view(subjects.APPLICATIONS), house.view(subjects.REVOCATIONS, JSON)
    admittance = Admittance(applications, revoked, accepted_subjects, house.clock)
    shared = (settings, house.bus, house.clock, expectations, durability_of(house.settings.nats))
    outside, inside = Ingress(*shared, admittance), Ingress(*shared, None)
    return Room(
        "ingress",
        routes={"edge": _routes(outside), "internal": _internal_routes(inside)},
        doors={"edge": doors_of(outside, PATHS), "internal": doors_of(inside, (*PATHS, PUBLISH))},
    )


def durability_of(nats: NatsSettings) -> str:
    """Return what the receipt promises: whether events are synced to disk when acknowledged, and in how many copies."""
    return f"{'synced' if nats.sync == 'always' else 'buffered'}, R{nats.replicas}"


def _routes(ingress: Ingress) -> list[BaseRoute]:
    return [
        _post("/{application}/events", ingress.cloudevents),
        _post("/{application}/v2/events", ingress.cloudevents),
        _post("/{application}/v1/events", ingress.legacy),
    ]


def _internal_routes(ingress: Ingress) -> list[BaseRoute]:
    return [_post("/publish", ingress.cloudevents), *_routes(ingress)]


def _post(path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(path, endpoint, methods=["POST"])
