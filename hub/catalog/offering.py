"""What one Application offers, from the specifications of all its Services. Pure.

A document that cannot be read changes nothing: what its Service offered before stays. Of two Services that offer the
same event type the first one, in the Application's order, speaks for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.catalog.v1 import EventTypeEntry
from hub.catalog import asyncapi
from hub.catalog.model import EventType, Specification
from hub.kernel.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Offering:
    """The event types of an Application, and what could not be read."""

    entries: dict[str, EventTypeEntry] = field(default_factory=dict)
    refused: dict[str, InvalidInput] = field(default_factory=dict)
    """Why, by Service."""


def event_services(spec: Mapping[str, Any], status: Mapping[str, Any]) -> list[str]:
    """Return the ids of the Services of an Application that offer events, in order.

    Where a Service has several event catalogs, as those of Compass have, each stands for itself: `<service>/<entry>`.
    """
    services = [service for service in _objects(spec.get("services")) if service.get("id")]
    known = status.get("services") or {}
    return [place for service in services if _has_events(service) for place in _places(service, known)]


def _places(service: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    events = [entry for entry in _objects(service.get("entries")) if entry.get("type") == "Events"]
    own = [f"{service['id']}/{entry['id']}" for entry in events if entry.get("id")]
    return [place for place in own if place in known] if own else [str(service["id"])]


def offer(
    application: str, specifications: Iterable[Specification], held: Mapping[str, EventTypeEntry], limit: int
) -> Offering:
    """Return what an Application offers now.

    Args:
        application: its name.
        specifications: one for each Service with events, in the Application's order.
        held: what the catalog holds of it, by event type.
        limit: largest schema of one event type, in bytes.
    """
    offering = Offering()
    for specification in specifications:
        service = specification.service_id
        try:
            types = asyncapi.read(specification.document, schema_limit_bytes=limit) if specification.document else []
        except InvalidInput as error:
            offering.refused[service] = error
            entries = [entry for entry in held.values() if entry.service_id == service]
        else:
            entries = [_entry(application, service, event_type) for event_type in types]
        for entry in entries:
            offering.entries.setdefault(entry.type, entry)
    return offering


def _entry(application: str, service_id: str, event_type: EventType) -> EventTypeEntry:
    return EventTypeEntry(
        application=application,
        service_id=service_id,
        type=event_type.type,
        name=event_type.name,
        version=event_type.version,
        summary=event_type.summary,
        data_schema=event_type.schema,
        examples=event_type.examples,
        payload_check=event_type.payload_check,
        owner=event_type.owner,
        spec_version=event_type.spec_version,
    )


def _has_events(service: Mapping[str, Any]) -> bool:
    return any(entry.get("type") == "Events" for entry in _objects(service.get("entries")))


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
