"""Keeps the catalog equal to what the Applications registered.

Level-triggered: each reconciliation compares the stored specifications with the stored event types and makes the one
into the other, whatever happened before. Announcements, changes of the watched buckets and the clock only say when.
This file knows asyncio: it owns the one task that works through the marked Applications.

Guarantee: at least once and idempotent; an event type is announced by whoever wrote it.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from functools import partial
from typing import Protocol

import structlog

from contracts.application.v1 import ApplicationChanged, ApplicationRegistered, ApplicationRemoved
from contracts.catalog.findings import Finding, RefusedSpec, UnknownType, refused_key, unknown_key
from contracts.catalog.v1 import (
    EventTypeEntry,
    EventTypePublished,
    EventTypesObserved,
    EventTypeWithdrawn,
    ObservedType,
)
from contracts.envelope import Contract
from hub.catalog.counting import counted, outdated
from hub.catalog.difference import Publication, difference
from hub.catalog.model import Specification
from hub.catalog.offering import Offering, event_services, offer
from hub.catalog.settings import CatalogSettings
from hub.catalog.store import EventTypes, Findings, Specifications
from hub.kernel.clock import Clock
from hub.kernel.ending import end
from hub.kernel.errors import HubError, InvalidInput
from hub.kernel.resource import CLUSTER, Resource, resource_key
from hub.kernel.state import View

log = structlog.get_logger()
_READ_AT_ONCE_BYTES = 16 * 1024
"""Documents up to this size are read where they are: a thread would take longer."""
ApplicationHint = ApplicationRegistered | ApplicationChanged | ApplicationRemoved


class Surroundings(Protocol):
    """What the catalog needs of its house."""

    clock: Clock

    async def publish(self, model: Contract) -> None:
        """Publish a contract event; returns when it is stored."""
        ...


class Reconciler:
    """Makes the event types of one Application what its specifications say, one Application at a time."""

    def __init__(
        self,
        settings: CatalogSettings,
        types: EventTypes,
        *,
        applications: View[Resource],
        specifications: Specifications,
        findings: Findings,
        house: "Surroundings",
    ) -> None:
        """Prepare; `start` begins to work."""
        self._settings = settings
        self._types = types
        self._applications = applications
        self._specifications = specifications
        self._findings = findings
        self._house = house
        self._unsaid: list[Contract] = []
        self._marked: dict[str, None] = {}
        self._reconciled: dict[str, int] = {}
        """The revision of each Application that the catalog was last made equal to."""
        self._wake = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        types.on_foreign_change(self.mark)

    def mark(self, application: str) -> None:
        """Ask for a reconciliation of one Application, soon."""
        self._marked[application] = None
        self._wake.set()

    def mark_all(self) -> None:
        """Ask for a reconciliation of every Application that is registered or has entries."""
        registered = {resource.name for _, resource in self._applications.items()}
        for application in sorted(registered | self._types.applications()):
            self.mark(application)

    async def follow_hint(self, hint: ApplicationHint) -> None:
        """Reconcile the Application that an announcement names, unless the bucket has said so already."""
        revision = getattr(hint, "revision", 0)
        if not 0 < revision <= self._reconciled.get(hint.application, 0):
            await self.reconcile(hint.application)

    async def reconcile(self, application: str) -> None:
        """Make the catalog of one Application what its specifications say; announce what changed.

        Raises:
            BrokerUnavailable: the event store does not answer; what is missing is made up for by the next call.
        """
        await self._applications.ready()
        async with self._one_at_a_time:
            await self._announce()
            held = self._types.of(application)
            resource = self._applications.get(resource_key(CLUSTER, application))
            specifications = await self._read_specifications(application, resource)
            offering = await self._offering(application, specifications, held)
            await self._note_refusals(application, offering)
            change = difference(held, offering.entries)
            withdrawn = [await self._withdraw(entry) for entry in change.withdrawn]
            published = [await self._put(publication) for publication in change.published]
            self._note_revision(application, resource)
        if any(withdrawn) or any(published):
            log.info("catalog.changed", application=application, published=sum(published), withdrawn=sum(withdrawn))

    async def start(self) -> None:
        """Begin to work through what is marked; at first that is everything the watched buckets hold."""
        self._task = asyncio.create_task(self._work(), name="catalog-reconciler")

    async def stop(self) -> None:
        """Stop; what is left is found again at the next start."""
        await end(self._task)

    def _note_revision(self, application: str, resource: Resource | None) -> None:
        if resource is None:
            self._reconciled.pop(application, None)
        else:
            self._reconciled[application] = resource.revision

    async def _read_specifications(self, application: str, resource: Resource | None) -> list[Specification]:
        if resource is None:
            return []
        services = event_services(resource.spec)
        return [
            await self._specifications.read(application, service, _digest(resource, service)) for service in services
        ]

    async def _offering(
        self, application: str, specifications: list[Specification], held: Mapping[str, EventTypeEntry]
    ) -> Offering:
        """Read the specifications; large ones in a thread, so that nobody waits for them."""
        limit = self._settings.schema_limit_bytes
        if sum(len(each.document or b"") for each in specifications) <= _READ_AT_ONCE_BYTES:
            return offer(application, specifications, held, limit)
        return await asyncio.to_thread(offer, application, specifications, held, limit)

    async def _put(self, publication: Publication) -> bool:
        written = await self._types.put(publication.entry)
        if written:
            await self._announce(_published(publication))
        await self._findings.forget(unknown_key(publication.entry.application, publication.entry.type))
        return written

    async def _withdraw(self, entry: EventTypeEntry) -> bool:
        removed = await self._types.remove(entry)
        if removed:
            await self._announce(_withdrawn(entry))
        return removed

    async def _announce(self, *events: Contract) -> None:
        # The change is stored already: what cannot be said now stays here and is said first next time.
        self._unsaid.extend(events)
        while self._unsaid:
            await self._house.publish(self._unsaid[0])
            del self._unsaid[0]

    async def _note_refusals(self, application: str, offering: Offering) -> None:
        for known in self._findings.refused(application):
            if known.service_id not in offering.refused:
                await self._findings.forget(known.key)
        for service, error in offering.refused.items():
            new = _refusal(application, service, error, self._house.clock)
            # Said once, not at each periodic comparison.
            if await self._findings.change(refused_key(application, service), partial(_unless_said, new)):
                log.warning("specification.refused", application=application, service=service, error=error.detail)

    async def _work(self) -> None:
        now = asyncio.get_running_loop().time
        complete = now() + self._settings.reconcile_seconds
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(0.0, complete - now()))
            self._wake.clear()
            if now() >= complete:
                complete = now() + self._settings.reconcile_seconds
                self.mark_all()
            while self._marked:
                await self._take_next()

    async def _take_next(self) -> None:
        application = next(iter(self._marked))
        del self._marked[application]
        try:
            await self.reconcile(application)
        except HubError as error:
            log.warning("catalog.reconciliation_failed", application=application, error=error.detail)
            self.mark(application)
            await asyncio.sleep(self._settings.retry_seconds)
        except Exception:
            # One Application's bug must not end the task for all others; the next comparison tries again.
            log.exception("bug.caught", application=application)


class Observer:
    """Counts what is posted but in no catalog, by the reports of those who accept events."""

    def __init__(self, settings: CatalogSettings, types: EventTypes, findings: Findings, clock: Clock) -> None:
        """Prepare; nothing runs by itself."""
        self._settings = settings
        self._types = types
        self._findings = findings
        self._clock = clock

    async def take(self, report: EventTypesObserved) -> None:
        """Count one report, once however often it comes; forget what nobody posts any more.

        Raises:
            BrokerUnavailable: the event store does not answer; the report comes again.
        """
        known = self._findings.unknown()
        for old in outdated(known, self._clock.now(), self._settings.unknown_keep_days):
            await self._findings.forget(old.key)
        passed_over = report.further
        for seen in report.types:
            if seen.type in self._types.of(seen.application):  # it came into the catalog meanwhile
                continue
            if self._has_room(known, seen):
                await self._findings.change(unknown_key(seen.application, seen.type), partial(_count, seen, report))
            else:
                passed_over += seen.count
        if passed_over:
            log.warning("unknown_types.passed_over", events=passed_over, limit=self._settings.unknown_limit)

    def _has_room(self, known: list[UnknownType], seen: ObservedType) -> bool:
        of_application = [found.type for found in known if found.application == seen.application]
        return seen.type in of_application or len(of_application) < self._settings.unknown_limit


def _count(seen: ObservedType, report: EventTypesObserved, known: Finding | None) -> Finding | None:
    return counted(known if isinstance(known, UnknownType) else None, seen, report)


def _refusal(application: str, service: str, error: InvalidInput, clock: Clock) -> RefusedSpec:
    place = str(error.fields.get("field", ""))
    return RefusedSpec(
        application=application, service_id=service, detail=error.detail, place=place, since=clock.now()
    )


def _unless_said(new: RefusedSpec, known: Finding | None) -> Finding | None:
    said = isinstance(known, RefusedSpec) and (known.detail, known.place) == (new.detail, new.place)
    return None if said else new


def _published(publication: Publication) -> EventTypePublished:
    entry = publication.entry
    return EventTypePublished(
        application=entry.application,
        service_id=entry.service_id,
        type=entry.type,
        name=entry.name,
        type_version=entry.version,
        summary=entry.summary,
        has_schema=entry.data_schema is not None,
        payload_check=entry.payload_check,
        change=publication.change,
    )


def _withdrawn(entry: EventTypeEntry) -> EventTypeWithdrawn:
    return EventTypeWithdrawn(application=entry.application, service_id=entry.service_id, type=entry.type)


def _digest(application: Resource, service: str) -> str:
    """Return the hash of a Service's event catalog as the registry wrote it into the status; empty when it did not."""
    said = (application.status.get("services") or {}).get(service) or {}
    return str(((said.get("specs") or {}).get("asyncapi") or {}).get("sha256") or "")
