"""The Runtime Agent: at the right times, and in one process at a time, it keeps the connection and synchronizes.

Guarantee: what it does is a comparison of two states, so an attempt that was lost is made up for by the next one.
Attempts that fail come after a pause that doubles up to the interval; a wish of a person comes at once.
"""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from typing import Any

import structlog

from contracts.compass.v1 import CompassSynchronized
from hub.compass import condition, metering, renewal
from hub.compass.calling import Caller
from hub.compass.condition import Outcome, Status
from hub.compass.fetching import Director
from hub.compass.maintaining import Connection, Headers
from hub.compass.model import Credentials, Pairing
from hub.compass.settings import CompassSettings
from hub.compass.store import KEY, PAIRING, SCOPE, Lease
from hub.compass.synchronizing import Synchronizer
from hub.kernel.backoff import Backoff
from hub.kernel.ending import end
from hub.kernel.errors import BrokerUnavailable, HubError, InvalidInput, NotFound
from hub.kernel.resource import Resource, resource_key
from hub.kernel.state import View

log = structlog.get_logger()
_FLAGS = ("resyncNow", "refreshCredentialsNow", "acceptRemovals")


@dataclass
class Agent:
    """One process's agent."""

    settings: CompassSettings
    connection: Connection
    caller: Caller
    synchronizer: Synchronizer
    lease: Lease
    leading: bool = False
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    _generation: int = 0
    _deleted: bool = False

    def start(self, connections: View[Resource], secrets: View[Resource]) -> None:
        """Begin to work, and to hear what people wish."""
        connections.on_change(self._wished)
        secrets.on_change(self._secret_changed)
        self._tasks = [
            asyncio.create_task(self._lead(), name="compass-lease"),
            asyncio.create_task(self._work(), name="compass-agent"),
        ]

    async def stop(self) -> None:
        """Stop; the next process need not wait for the end of the lease."""
        for task in self._tasks:
            await end(task)
        with contextlib.suppress(HubError):
            await self.lease.release()
        await self.caller.close()

    def _wished(self, key: str, connection: Resource | None) -> None:
        if key != KEY:
            return
        if connection is None:
            self._deleted, self._generation = self.leading, 0
            self._wake.set()
        elif connection.generation > self._generation:
            self._generation = connection.generation
            if any(connection.spec.get(name) for name in _FLAGS):
                self._wake.set()

    def _secret_changed(self, key: str, _secret: Resource | None) -> None:
        if key == resource_key(SCOPE, PAIRING):
            self._wake.set()

    async def _lead(self) -> None:
        while True:
            try:
                leads = await self.lease.hold()
            except HubError as error:
                log.warning("lease.unknown", error=error.detail)
                leads = False
            if leads and not self.leading:
                self._wake.set()
            self.leading = leads
            await asyncio.sleep(self.lease.seconds / 3)

    async def _work(self) -> None:
        pauses = Backoff(initial_seconds=self.settings.minimal_seconds, max_seconds=self.settings.interval_seconds)
        failures, due = 0, 0.0
        now = asyncio.get_running_loop().time
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(0.0, due - now()))
            self._wake.clear()
            began = now()
            good = not self.leading or await self._attempt_safely()
            failures = 0 if good else failures + 1
            interval = self.settings.interval_seconds
            due = began + interval if good else now() + pauses.wait(failures, random.random())  # noqa: S311 - jitter

    async def _attempt_safely(self) -> bool:
        try:
            return await self.attempt()
        except HubError as error:
            log.warning("synchronization.interrupted", error=error.detail)
        except Exception:
            # A bug must not end the task: the next attempt may find other circumstances.
            log.exception("bug.caught")
        return False

    async def attempt(self) -> bool:
        """Keep the connection and synchronize, once; tells whether that is how it should be.

        Raises:
            BrokerUnavailable: the event store does not answer.
        """
        revision = self.connection.secrets.pairing_revision()
        if not revision:
            return True
        stored = await self.connection.stored.read()
        asked = stored.spec if stored is not None else {}
        generation = stored.generation if stored is not None else 0
        try:
            pairing, credentials = await self._known()
            headers = self._headers(pairing)
            is_known, self._deleted = stored is not None and not self._deleted, False
            if credentials is None or renewal.must_pair(credentials, token=pairing.token, is_known=is_known):
                credentials, asked = await self.connection.pair(pairing, headers), {}
            credentials = await self.connection.maintain(credentials, asked, headers)
            return await self._synchronize(pairing, credentials, asked, headers)
        except HubError as error:
            log.debug("synchronization.ended", error=error.detail)
            return False
        finally:
            await self._observed(generation, revision)

    async def _known(self) -> tuple[Pairing, Credentials | None]:
        credentials = None
        try:
            credentials = self.connection.credentials()
            pairing = self.connection.secrets.pairing()
        except HubError as error:
            if credentials is None:
                await self.connection.failed("ConnectionFailed", error.detail)
            else:  # the connection is good; for which Runtime to ask is not known
                await self._unsynchronized("SynchronizationFailed", "Failed to read Runtime config: " + error.detail)
            raise
        if pairing is None:
            raise NotFound("The pairing Secret was removed meanwhile.")
        return pairing, credentials

    def _headers(self, pairing: Pairing) -> dict[str, str]:
        """Return what every call of one attempt carries, so that it can be followed through Compass."""
        return {"x-request-id": f"{pairing.runtime_id}_{self.connection.clock.new_id()}"}

    async def _director(self, pairing: Pairing, credentials: Credentials, headers: Headers) -> Director:
        told = {**headers, "Tenant": pairing.tenant}
        endpoint = await self.caller.by_certificate(credentials.director_url, credentials, told)
        return Director(endpoint, pairing.runtime_id, self.settings.page_size)

    async def _synchronize(
        self, pairing: Pairing, credentials: Credentials, asked: dict[str, Any], headers: Headers
    ) -> bool:
        began = asyncio.get_running_loop().time()
        try:
            director = await self._director(pairing, credentials, headers)
            outcome = await self.synchronizer.run(director, accepted=bool(asked.get("acceptRemovals")))
        except BrokerUnavailable as error:
            await self._unsynchronized("ResourceApplicationFailed", "Failed to apply configuration: " + error.detail)
            raise
        except HubError as error:
            await self._unsynchronized("SynchronizationFailed", "Failed to fetch configuration: " + error.detail)
            raise
        try:
            await self.synchronizer.label(director, outcome.labels)
        except HubError as error:
            text = "Failed to reconcile Runtime labels with proper URLs: " + error.detail
            await self._unsynchronized("MetadataUpdateFailed", text, outcome)
            raise
        await self._synchronized(outcome, asked, asyncio.get_running_loop().time() - began)
        return True

    async def _unsynchronized(self, state: condition.State, error: str, outcome: Outcome | None = None) -> None:
        now = self.connection.clock.now()
        log.warning("synchronization.failed", state=state, error=error)
        metering.ATTEMPTS.labels(state).inc()
        said = condition.described(outcome) if outcome is not None else {}
        await self.connection.note(lambda status: condition.unsynchronised(status, state, error, now) | said)

    async def _synchronized(self, outcome: Outcome, asked: dict[str, Any], seconds: float) -> None:
        now = self.connection.clock.now()
        metering.ATTEMPTS.labels("Synchronized").inc()
        metering.note_outcome(outcome)
        cleared = {name: False for name in ("resyncNow", "acceptRemovals") if asked.get(name)}
        await self.connection.note(lambda status: condition.synchronised(status, outcome, now), **cleared)
        counted = condition.counted(outcome)
        log.info("synchronization.finished", seconds=round(seconds, 3), **counted)
        if not outcome.is_quiet:
            for failure in outcome.failures:
                log.warning("application.untaken", application=failure.name, error=failure.error)
            await self.connection.tell(CompassSynchronized(seconds=round(seconds, 3), **counted))

    async def _observed(self, generation: int, revision: int) -> None:
        """Write down which wish and which pairing Secret this attempt knew, for those who wait for it."""
        seen: Status = {"observedGeneration": generation, "observedPairing": revision}
        with contextlib.suppress(BrokerUnavailable):
            await self.connection.note(lambda status: {"connectionState": "ConnectionFailed"} | status | seen)

    async def preview(self) -> Outcome:
        """Return what a synchronization would do now, without doing it.

        Raises:
            InvalidInput: the hub is not connected with Compass.
            HubError: the Director does not answer, or not completely.
        """
        pairing, credentials = self.connection.secrets.pairing(), self.connection.credentials()
        if pairing is None or credentials is None:
            raise InvalidInput("The hub is not connected with Compass; pair it first: hub compass pair")
        director = await self._director(pairing, credentials, self._headers(pairing))
        return await self.synchronizer.run(director, dry_run=True)
