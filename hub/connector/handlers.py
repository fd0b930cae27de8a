"""What operators ask of the connector: a pairing token, the end of a certificate they do not hold, another authority.

Requests are answered by one process; asking twice gives two tokens, revoking twice changes nothing more.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from contracts.certificate.v1 import CertificateRevoked
from contracts.dns1123 import is_subdomain
from hub.connector.announcing import Actor, Announcer, target_of
from hub.connector.answers import pairing_url
from hub.connector.clients import Clients
from hub.connector.custody import Custody
from hub.connector.model import Client
from hub.connector.store import Revocations, Tokens
from hub.kernel.clock import Clock, rfc3339
from hub.kernel.errors import InvalidField, MissingField, NotFound
from hub.kernel.keys import Keys
from hub.kernel.workload import token_for

log = structlog.get_logger()
FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_APPLICATION_LIMIT_SECONDS = 0.5
_ACTOR_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Revoking:
    """Revokes certificates, for their owners and for operators."""

    revocations: Revocations
    announcer: Announcer
    clock: Clock
    longest: Callable[[], datetime]
    """Gives the moment by which every certificate has ended: the last end of the authorities."""

    async def revoke(
        self, client: Client, revoked: CertificateRevoked, not_after: datetime | None, actor: Actor
    ) -> bool:
        """Revoke a certificate by its fingerprint; False when it was revoked already.

        Args:
            client: whose it is.
            revoked: which one, and why.
            not_after: its own end, where that is known; the revocation is kept until then.
            actor: who revokes it.
        """
        longest = self.longest()
        facts = {
            "application": revoked.application,
            "serial": revoked.serial,
            "reason": revoked.reason,
            "revoked": rfc3339(self.clock.now()),
            "not_after": rfc3339(min(not_after, longest) if not_after is not None else longest),
        }
        if not await self.revocations.add(revoked.fingerprint, facts):
            return False
        await self.announcer.revoked(client, revoked, actor)
        return True

    async def asked(self, request: dict[str, Any]) -> dict[str, Any]:
        """Revoke by `{"application", "fingerprint", "reason", "actor"}`.

        Raises:
            MissingField, InvalidField: the request does not say which certificate.
        """
        application = _needed(request, "application")
        fingerprint = _needed(request, "fingerprint").lower().replace(":", "")
        if not FINGERPRINT.fullmatch(fingerprint):
            raise InvalidField("The fingerprint is not a SHA-256 in hexadecimal.", field="fingerprint")
        reason = str(request.get("reason") or "by an operator")
        revoked = CertificateRevoked(application=application, fingerprint=fingerprint, reason=reason)
        changed = await self.revoke(Client(application), revoked, None, actor_of(request))
        return {"fingerprint": fingerprint, "outcome": "revoked" if changed else "unchanged"}


@dataclass(frozen=True, slots=True)
class Pairings:
    """Gives out pairing tokens."""

    base_url: str
    tokens: Tokens
    clients: Clients
    announcer: Announcer

    async def asked(self, request: dict[str, Any]) -> dict[str, str]:
        """Make a token for `{"application"}`, or `{"runtime": true, "tenant", "group"}`.

        Returns:
            `{"url", "token", "expires"}`.

        Raises:
            NotFound: there is no such Application.
            MissingField, InvalidInput: nobody is named, or no certificate could be issued.
        """
        client = await self._client(request)
        self.clients.current(client)
        token, expires = await self.tokens.create(client)
        log.info("pairing.offered", application=client.application, expires=rfc3339(expires))
        detail = f"until {rfc3339(expires)}"
        await self.announcer.audit(actor_of(request), "pairing.offer", target_of(client), detail)
        return {"url": pairing_url(self.base_url, client, token), "token": token, "expires": rfc3339(expires)}

    async def _client(self, request: dict[str, Any]) -> Client:
        if request.get("runtime"):
            return self.clients.runtime(str(request.get("tenant") or ""), str(request.get("group") or ""))
        return await self._registered(_needed(request, "application"))

    async def _registered(self, application: str) -> Client:
        """Wait a moment for an Application that was created just now: this process may not have heard of it yet."""
        limit = asyncio.get_running_loop().time() + _APPLICATION_LIMIT_SECONDS
        while True:
            try:
                return self.clients.application(application)
            except NotFound:
                if asyncio.get_running_loop().time() >= limit:
                    raise
                await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Vouching:
    """Gives out tokens of workloads that the hub does not run itself: services on this side, on other machines."""

    keys: Keys
    announcer: Announcer

    async def asked(self, request: dict[str, Any]) -> dict[str, str]:
        """Make a token for `{"workload": "scope/name"}`. It has no end, and is worth nothing outside this hub.

        Returns:
            `{"workload", "token"}`.

        Raises:
            MissingField, InvalidField: the workload is not named, or not like that.
        """
        workload = _needed(request, "workload")
        scope, slash, name = workload.partition("/")
        if not (slash and is_subdomain(scope) and is_subdomain(name)):
            raise InvalidField(f"'{workload}' does not name a workload; say SCOPE/NAME.", field="workload")
        await self.announcer.audit(actor_of(request), "workload.vouch", f"workloads/{workload}")
        return {"workload": workload, "token": token_for(self.keys, scope, name)}


@dataclass(frozen=True, slots=True)
class Authorizing:
    """Shows the authorities, and exchanges them."""

    custody: Custody
    announcer: Announcer

    async def show(self, _request: dict[str, Any]) -> dict[str, Any]:
        """Return what is known of each authority, newest first; keys are not among it."""
        return {"authorities": self.custody.described()}

    async def rotate(self, request: dict[str, Any]) -> dict[str, Any]:
        """Begin an overlap with a new authority: one of the hub's own, or the one that the settings name now.

        Raises:
            AlreadyExists: the settings name the authority that is in use.
            Misconfigured: they name one that cannot be used.
        """
        await self.custody.rotate()
        return await self._recorded(request, "authority.rotate")

    async def finish(self, request: dict[str, Any]) -> dict[str, Any]:
        """End every authority but the newest; with `force` also while certificates of theirs may be in use.

        Raises:
            NotFound: there is only one.
            InvalidInput: certificates of the older ones may still be in use.
        """
        await self.custody.finish(force=bool(request.get("force")))
        return await self._recorded(request, "authority.finish")

    async def _recorded(self, request: dict[str, Any], action: str) -> dict[str, Any]:
        described = self.custody.described()
        log.info("authority.changed", authorities=len(described), newest=described[0]["fingerprint"])
        await self.announcer.audit(
            actor_of(request), action, "authorities/hub", f"newest {described[0]['fingerprint']}"
        )
        return {"authorities": described}


def actor_of(request: dict[str, Any]) -> Actor:
    """Return who asks: whoever may ask on the bus is an operator, and is believed about the name."""
    return Actor(f"operator:{str(request.get('actor') or 'unknown')[:_ACTOR_CHARACTERS]}")


def _needed(request: dict[str, Any], field: str) -> str:
    value = request.get(field)
    if not isinstance(value, str) or not value:
        raise MissingField(f"The request does not name the {field}.", field=field)
    return value
