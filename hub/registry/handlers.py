"""What follows when an operator applies or deletes an Application: the rest of it goes too, and the other rooms hear.

At least once and idempotent: what is removed already is not there a second time.
"""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from contracts.application.v1 import ApplicationChanged, ApplicationRegistered, ApplicationRemoved
from contracts.certificate.v1 import CertificateIssued, CertificateRenewed, CertificateRevoked
from contracts.envelope import Contract
from hub.kernel.clock import rfc3339
from hub.kernel.desk import Answer, Desk
from hub.kernel.errors import HubError, NotFound
from hub.kernel.resource import Resource
from hub.registry import condition, membership
from hub.registry.store import Store

log = structlog.get_logger()
Publish = Callable[[Contract], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Applied:
    """Finishes what a document changed."""

    store: Store
    publish: Publish

    async def after(self, application: Resource | None, _key: str, outcome: str) -> None:
        """Remove what belonged to Services that the new document does not have, and announce the change."""
        if application is None:
            return
        gone = membership.forgotten(application)
        settled = await self.store.change(application.name, membership.settled)
        await self.store.delete_leftovers(application.name, gone)
        services = [service["id"] for service in membership.services_of(application)]
        event = ApplicationRegistered if outcome == "created" else ApplicationChanged
        log.info(_EVENTS[event], application=application.name, services=len(services))
        await self.announce(
            event(
                application=application.name,
                services=len(services),
                changed_services=(*services, *gone),
                generation=settled.generation,
                revision=settled.revision,
            ),
            application.name,
        )

    async def delete(self, request: dict[str, Any], desk: Desk) -> Answer:
        """Delete an Application with everything that was registered for it."""
        answer = await desk.delete(request)
        document = answer["resource"]
        name: str = document["metadata"]["name"]
        known = (document.get("status") or {}).get("services") or {}
        offered = document["spec"].get("services") or []
        services = [service["id"] for service in offered]
        await self.store.delete_leftovers(name, {*known, *services})
        # Those of Compass have names of their own, and only the entries say them.
        named = [secret for service in offered for secret in membership.secret_names(service)]
        await self.store.delete_secrets(named, name)
        log.info(_EVENTS[ApplicationRemoved], application=name, services=len(services))
        await self.announce(ApplicationRemoved(application=name, services=len(services)), name)
        return answer

    async def announce(self, event: Contract, name: str) -> None:
        """Tell the other rooms. They compare the stored state now and then, so silence heals."""
        try:
            await self.publish(event)
        except HubError as error:
            log.warning("application.unannounced", application=name, error=error.detail)


@dataclass(frozen=True, slots=True)
class Certified:
    """Keeps in the status which client certificates an Application has, as the connector tells.

    Idempotent by the fingerprint; of an Application that is gone nothing is kept.
    """

    store: Store

    async def issued(self, event: CertificateIssued) -> None:
        """Note a first certificate."""
        await self._note(event.application, event.fingerprint, event.not_after)

    async def renewed(self, event: CertificateRenewed) -> None:
        """Note the next certificate; the one before stays good until it ends."""
        await self._note(event.application, event.fingerprint, event.not_after)

    async def revoked(self, event: CertificateRevoked) -> None:
        """Forget a certificate."""
        with contextlib.suppress(NotFound):
            await self.store.change(event.application, lambda old: condition.decertified(old, event.fingerprint))

    async def _note(self, application: str, fingerprint: str, not_after: datetime) -> None:
        end, now = rfc3339(not_after), rfc3339(self.store.clock.now())
        with contextlib.suppress(NotFound):
            await self.store.change(application, lambda old: condition.certified(old, fingerprint, end, now))


_EVENTS: dict[type[Contract], str] = {
    ApplicationRegistered: "application.registered",
    ApplicationChanged: "application.changed",
    ApplicationRemoved: "application.removed",
}
