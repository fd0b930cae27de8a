"""What operators ask of the connector: a pairing token, and to revoke a certificate they do not hold.

Requests are answered by one process; asking twice gives two tokens, revoking twice changes nothing more.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog

from contracts.certificate.v1 import CertificateRevoked
from contracts.envelope import Contract
from hub.connector.answers import pairing_url
from hub.connector.store import Revocations, Tokens
from hub.kernel import metrics
from hub.kernel.clock import Clock, rfc3339
from hub.kernel.errors import HubError, InvalidField, MissingField, NotFound

log = structlog.get_logger()
Publish = Callable[[Contract], Awaitable[None]]
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_APPLICATION_LIMIT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Revoking:
    """Revokes certificates, for their owners and for operators."""

    revocations: Revocations
    publish: Publish
    clock: Clock

    async def revoke(self, fingerprint: str, application: str, *, serial: str, reason: str) -> bool:
        """Revoke a certificate by its fingerprint; False when it was revoked already."""
        facts = {
            "application": application,
            "serial": serial,
            "reason": reason,
            "revoked": rfc3339(self.clock.now()),
        }
        if not await self.revocations.add(fingerprint, facts):
            return False
        metrics.CERTIFICATES.labels("revoked").inc()
        log.info("certificate.revoked", application=application, serial=serial, fingerprint=fingerprint)
        await announce(
            self.publish,
            CertificateRevoked(application=application, fingerprint=fingerprint, serial=serial, reason=reason),
        )
        return True

    async def asked(self, request: dict[str, Any]) -> dict[str, Any]:
        """Revoke by `{"application", "fingerprint", "reason"}`.

        Raises:
            MissingField, InvalidField: the request does not say which certificate.
        """
        application = _needed(request, "application")
        fingerprint = _needed(request, "fingerprint").lower().replace(":", "")
        if not _FINGERPRINT.fullmatch(fingerprint):
            raise InvalidField("The fingerprint is not a SHA-256 in hexadecimal.", field="fingerprint")
        reason = str(request.get("reason") or "by an operator")
        changed = await self.revoke(fingerprint, application, serial="", reason=reason)
        return {"fingerprint": fingerprint, "outcome": "revoked" if changed else "unchanged"}


@dataclass(frozen=True, slots=True)
class Pairings:
    """Gives out pairing tokens."""

    base_url: str
    tokens: Tokens
    check: Callable[[str], Any]
    """Raises unless a certificate can be issued for the Application of this name."""

    async def asked(self, request: dict[str, Any]) -> dict[str, str]:
        """Make a token for `{"application"}`; answers `{"url", "token", "expires"}`.

        Raises:
            NotFound: there is no such Application.
        """
        application = _needed(request, "application")
        await self._registered(application)
        token, expires = await self.tokens.create(application)
        log.info("pairing.offered", application=application, expires=rfc3339(expires))
        return {"url": pairing_url(self.base_url, token), "token": token, "expires": rfc3339(expires)}

    async def _registered(self, application: str) -> None:
        """Wait a moment for an Application that was created just now: this process may not have heard of it yet."""
        limit = asyncio.get_running_loop().time() + _APPLICATION_LIMIT_SECONDS
        while True:
            try:
                self.check(application)
            except NotFound:
                if asyncio.get_running_loop().time() >= limit:
                    raise
                await asyncio.sleep(0.01)
            else:
                return


async def announce(publish: Publish, event: Contract) -> None:
    """Publish what was done. It is done, so its answer stands even when nobody can be told."""
    try:
        await publish(event)
    except HubError as error:
        log.warning("certificate.unannounced", contract=event.contract_type, error=error.detail)


def _needed(request: dict[str, Any], field: str) -> str:
    value = request.get(field)
    if not isinstance(value, str) or not value:
        raise MissingField(f"The request does not name the {field}.", field=field)
    return value
