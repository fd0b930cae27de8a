"""Keeps the catalog equal to what the Applications registered.

Level-triggered: each reconciliation compares the stored specifications with the stored event types and makes the one
into the other, whatever happened before. Announcements, changes of the watched buckets and the clock only say when.
This file knows asyncio: it owns the one task that works through the marked Applications.

Guarantee: at least once and idempotent; an event type is announced by whoever wrote it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from contracts.application.v1 import ApplicationChanged, ApplicationRegistered, ApplicationRemoved
from contracts.catalog.v1 import EventTypeEntry, EventTypePublished, EventTypeWithdrawn
from contracts.envelope import Contract
from hub.catalog.difference import Publication, difference
from hub.catalog.model import Specification
from hub.catalog.offering import Offering, event_services, offer
from hub.catalog.settings import CatalogSettings
from hub.catalog.store import EventTypes, Specifications
from hub.kernel.errors import HubError
from hub.kernel.resource import CLUSTER, Resource, resource_key
from hub.kernel.state import View

log = structlog.get_logger()
ApplicationHint = ApplicationRegistered | ApplicationChanged | ApplicationRemoved
Publish = Callable[[Contract], Awaitable[None]]


class Reconciler:
    """Makes the event types of one Application what its specifications say, one Application at a time."""

    def __init__(
        self,
        settings: CatalogSettings,
        types: EventTypes,
        *,
        applications: View[Resource],
        specifications: Specifications,
        publish: Publish,
    ) -> None:
        """Prepare; `start` begins to work."""
        self._settings = settings
        self._types = types
        self._applications = applications
        self._specifications = specifications
        self._publish = publish
        self._unsaid: list[Contract] = []
        self._marked: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._refusals: dict[str, dict[str, str]] = {}
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
        """Reconcile the Application that an announcement names."""
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
            specifications = await self._read_specifications(application)
            limit = self._settings.schema_limit_bytes
            offering = await asyncio.to_thread(offer, application, specifications, held, limit)
            self._note_refusals(application, offering)
            change = difference(held, offering.entries)
            withdrawn = [await self._withdraw(entry) for entry in change.withdrawn]
            published = [await self._put(publication) for publication in change.published]
        if any(withdrawn) or any(published):
            log.info("catalog.changed", application=application, published=sum(published), withdrawn=sum(withdrawn))

    async def start(self) -> None:
        """Begin to work through what is marked; at first that is everything the watched buckets hold."""
        self._task = asyncio.create_task(self._work(), name="catalog-reconciler")

    async def stop(self) -> None:
        """Stop; what is left is found again at the next start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _read_specifications(self, application: str) -> list[Specification]:
        resource = self._applications.get(resource_key(CLUSTER, application))
        if resource is None:
            return []
        services = event_services(resource.spec)
        return [
            await self._specifications.read(application, service, _digest(resource, service)) for service in services
        ]

    async def _put(self, publication: Publication) -> bool:
        written = await self._types.put(publication.entry)
        if written:
            await self._announce(_published(publication))
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
            await self._publish(self._unsaid[0])
            del self._unsaid[0]

    def _note_refusals(self, application: str, offering: Offering) -> None:
        before = self._refusals.pop(application, {})
        now = {service: error.detail for service, error in offering.refused.items()}
        for service, detail in now.items():
            if before.get(service) != detail:  # said once, not at each periodic comparison
                log.warning("specification.refused", application=application, service=service, error=detail)
        if now:
            self._refusals[application] = now

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
