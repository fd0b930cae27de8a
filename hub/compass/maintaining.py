"""Keeps the connection with Compass: pairs, asks the Connector, renews, and writes down what came of it. Not pure.

Each step is written into the connection's status before the next one begins, so that a crash loses no certificate and
nobody reads a stale error. The last good certificate is kept until there is a better one.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from contracts.compass.v1 import CompassConnectionChanged
from contracts.envelope import Contract
from hub.compass import condition, metering, renewal
from hub.compass.asking import Registry
from hub.compass.certification import to_values
from hub.compass.condition import Status
from hub.compass.model import Configuration, Credentials, Pairing
from hub.compass.pairing import Pairer
from hub.compass.settings import CompassSettings
from hub.compass.store import CREDENTIALS, SCOPE, Connections, Secrets
from hub.kernel.clock import Clock
from hub.kernel.errors import HubError
from hub.kernel.resource import Resource

log = structlog.get_logger()
Headers = Mapping[str, str]


@dataclass
class Connection:
    """The connection, as the one process that holds it sees it."""

    settings: CompassSettings
    stored: Connections
    secrets: Secrets
    registry: Registry
    pairer: Pairer
    clock: Clock
    publish: Callable[[Contract], Awaitable[None]]
    _held: Credentials | None = field(default=None, repr=False)
    _held_since: int = 0
    """Revision of the Secret that holds them; what is followed of it may be older."""

    def credentials(self) -> Credentials | None:
        """Return the client certificate there is: the one just got, or the one that is stored."""
        return self.secrets.credentials(self._held_since) or self._held

    async def note(self, change: Callable[[Status], Status], **spec: Any) -> Resource:
        """Write the status, and members of the spec; announce another state.

        Raises:
            BrokerUnavailable: the event store does not answer.
        """
        before = ""

        def changed(old: Resource) -> Resource:
            nonlocal before
            before = old.status.get("connectionState", "")
            return replace(old, spec=old.spec | spec, status=change(old.status))

        written = await self.stored.change(changed)
        state = written.status["connectionState"]
        if state != before:
            detail = condition.error_of(written.status)
            log.info("connection.changed", state=state, previous=before, error=detail)
            await self.tell(CompassConnectionChanged(state=state, previous=before, detail=detail))
        return written

    async def tell(self, event: Contract) -> None:
        """Tell the other rooms; the status is written already, so silence heals."""
        try:
            await self.publish(event)
        except HubError as error:
            log.warning("connection.untold", error=error.detail)

    async def pair(self, pairing: Pairing, headers: Headers) -> Credentials:
        """Pair with the token of the pairing Secret.

        Raises:
            HubError: it failed; the status says why.
        """
        try:
            credentials, configuration = await self.pairer.pair(pairing, headers)
            await self._keep(_located(credentials, configuration))
        except HubError as error:
            await self.failed("ConnectionFailed", f"Failed to retrieve certificate: {error.detail}")
            raise
        kept, now = _located(credentials, configuration), self.clock.now()
        await self.note(lambda status: condition.established(status, kept, now), **_addresses(kept))
        log.info("connection.paired", runtime=pairing.runtime_id, not_after=kept.not_after.isoformat())
        return kept

    async def maintain(self, credentials: Credentials, asked: Mapping[str, Any], headers: Headers) -> Credentials:
        """Ask the Connector how things are, renew the certificate when that is due; returns the one to go on with.

        Args:
            credentials: present ones.
            asked: spec of the connection.
            headers: of every call.

        Raises:
            HubError: it failed; the status says why.
        """
        at = str((asked.get("managementInfo") or {}).get("connectorUrl") or credentials.connector_url)
        renew = bool(asked.get("refreshCredentialsNow"))
        try:
            configuration = await self.pairer.configuration(at, credentials, headers)
            current = _located(credentials, configuration)
            due = self._is_due(credentials, asked=renew)
            if due:
                renewed = await self.pairer.renew(configuration.connector_url, credentials, configuration, headers)
                current = _located(renewed, configuration)
            if current != credentials or self.secrets.credentials() is None:
                await self._keep(current)
        except HubError as error:
            await self.failed("ConnectionMaintenanceFailed", f"Failed to maintain the connection: {error.detail}")
            raise
        flags = {"refreshCredentialsNow": False} if renew else {}
        now = self.clock.now()
        await self.note(
            lambda status: condition.maintained(status, current, now, renewed=due), **_addresses(current), **flags
        )
        if due:
            log.info("connection.renewed", not_after=current.not_after.isoformat())
        metering.note_certificate(current.not_after)
        return current

    def _is_due(self, credentials: Credentials, *, asked: bool) -> bool:
        return renewal.is_due(
            credentials.not_before,
            credentials.not_after,
            self.clock.now(),
            share=self.settings.renewal_share,
            minimal_seconds=self.settings.minimal_seconds,
            asked=asked,
        )

    async def _keep(self, credentials: Credentials) -> None:
        """Have credentials stored; they hold from now on even when that fails, for the Connector gave them once."""
        self._held = credentials
        self._held_since = self._held_since or 1 << 62
        try:
            self._held_since = await self.registry.keep_secret(SCOPE, CREDENTIALS, to_values(credentials))
        except HubError:
            self._held_since = 1 << 62
            raise

    async def failed(self, state: condition.State, error: str) -> None:
        """Write down that pairing or maintenance failed.

        Raises:
            BrokerUnavailable: the event store does not answer.
        """
        now = self.clock.now()
        log.warning("connection.failed", state=state, error=error)
        await self.note(lambda status: condition.disconnected(status, state, error, now))


def _located(credentials: Credentials, configuration: Configuration) -> Credentials:
    return replace(
        credentials, director_url=configuration.director_url, connector_url=configuration.connector_url
    )


def _addresses(credentials: Credentials) -> dict[str, Any]:
    told = {"directorUrl": credentials.director_url, "connectorUrl": credentials.connector_url}
    return {"managementInfo": told}
