"""Tells what was done to a certificate: log, counter, contract event and audit record, in one place for each act.

What is told is done already, so an answer stands even when nobody can be told; the log says so then.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from prometheus_client import Counter

from contracts.audit.v1 import AuditRecorded
from contracts.certificate.v1 import CertificateIssued, CertificateRenewed, CertificateRevoked
from contracts.envelope import Contract
from hub.connector.model import Client, Issued
from hub.kernel.clock import rfc3339
from hub.kernel.errors import HubError
from hub.kernel.metrics import REGISTRY

log = structlog.get_logger()
Publish = Callable[[Contract], Awaitable[None]]
CERTIFICATES = Counter("hub_certificates", "Certificates by what happened", ["happened"], registry=REGISTRY)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in the words of the audit record, and from where."""

    name: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Announcer:
    """Tells the other rooms and the audit."""

    publish: Publish

    async def issued(self, client: Client, issued: Issued, actor: Actor) -> None:
        """A client got a certificate by token."""
        CERTIFICATES.labels("issued").inc()
        log.info("certificate.issued", **_logged(issued))
        await self._announce(CertificateIssued(application=client.application, **_facts(client, issued)))
        await self.audit(actor, "certificate.issue", target_of(client), f"fingerprint {issued.fingerprint}")

    async def renewed(self, client: Client, issued: Issued, previous: str, actor: Actor) -> None:
        """A client exchanged its certificate, known by its fingerprint, for a new one."""
        CERTIFICATES.labels("renewed").inc()
        log.info("certificate.renewed", **_logged(issued))
        event = CertificateRenewed(
            application=client.application, previous_fingerprint=previous, **_facts(client, issued)
        )
        await self._announce(event)
        await self.audit(actor, "certificate.renew", target_of(client), f"fingerprint {issued.fingerprint}")

    async def revoked(self, client: Client, event: CertificateRevoked, actor: Actor) -> None:
        """A certificate of a client is accepted no more."""
        CERTIFICATES.labels("revoked").inc()
        log.info(
            "certificate.revoked", application=event.application, serial=event.serial, fingerprint=event.fingerprint
        )
        await self._announce(event)
        detail = f"fingerprint {event.fingerprint}, {event.reason}"
        await self.audit(actor, "certificate.revoke", target_of(client), detail)

    async def audit(self, actor: Actor, action: str, target: str, detail: str = "") -> None:
        """Record who did what."""
        await self._announce(
            AuditRecorded(actor=actor.name, action=action, target=target, detail=detail, address=actor.address)
        )

    async def _announce(self, event: Contract) -> None:
        try:
            await self.publish(event)
        except HubError as error:
            log.warning("certificate.unannounced", contract=event.contract_type, error=error.detail)


def target_of(client: Client) -> str:
    """Return a client in the words of the audit record."""
    if client.runtime:
        return f"runtimes/{client.tenant or '-'}/{client.group or '-'}"
    return f"applications/{client.application}"


def _logged(issued: Issued) -> dict[str, Any]:
    return {
        "subject": issued.subject,
        "serial": issued.serial,
        "fingerprint": issued.fingerprint,
        "not_after": rfc3339(issued.not_after),
    }


def _facts(client: Client, issued: Issued) -> dict[str, Any]:
    return {
        "subject": issued.subject,
        "serial": issued.serial,
        "fingerprint": issued.fingerprint,
        "not_after": issued.not_after,
        "tenant": client.tenant,
        "group": client.group,
        "authority": issued.authority,
    }
