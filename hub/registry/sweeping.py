"""Removes, now and then, what belongs to no Service any more. Not pure: it reads and writes the store.

Level-triggered: each look compares what is there with what is referred to, so that nothing has to be remembered over a
crash, and several processes may look at once. Removing is conditional on what was judged.
"""

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta

import structlog

from hub.kernel.ending import end
from hub.kernel.errors import HubError, RevisionConflict
from hub.kernel.resource import CLUSTER, Resource, resource_key
from hub.registry.naming import asset_parts
from hub.registry.orphans import Applications, is_orphaned_secret, orphaned_documents
from hub.registry.store import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look, and how old a leftover must be."""

    period_seconds: float
    grace_seconds: float


class Sweeper:
    """Looks through the store until it is stopped."""

    def __init__(self, store: Store, pace: Pace) -> None:
        """Take the store; nothing happens before `start`."""
        self._store = store
        self._pace = pace
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name="registry-sweep")

    async def stop(self) -> None:
        """Look no more."""
        await end(self._task)

    async def _run(self) -> None:
        while True:
            # Processes of one kind start together; they need not look together.
            await asyncio.sleep(self._pace.period_seconds * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            try:
                await self.sweep()
            except HubError as error:
                log.warning("sweep.failed", error=error.detail)
            except Exception:
                log.exception("bug.caught", task="registry-sweep")

    async def sweep(self) -> int:
        """Remove every orphan that is old enough; returns how many."""
        # Things first, Applications after them: what was finished in between is referred to by then.
        secrets = await self._store.secrets.entries()
        documents = await self._store.objects.names()
        applications = {entry.value.name: entry.value for entry in await self._store.applications.entries()}
        orphans = [each.value for each in secrets if self._is_orphaned(each.value, applications)]
        removed = [await self._remove_secret(secret) for secret in orphans]
        removed += [await self._remove_document(name) for name in orphaned_documents(documents, applications)]
        return sum(removed)

    def _is_orphaned(self, secret: Resource, applications: Applications) -> bool:
        grace = timedelta(seconds=self._pace.grace_seconds)
        return is_orphaned_secret(secret, applications, now=self._store.clock.now(), grace=grace)

    async def _now(self, name: str) -> Applications:
        """Return an Application as it is at this moment: a list may be old, or may have been read in part."""
        entry = await self._store.applications.get(resource_key(CLUSTER, name))
        return {name: entry.value} if entry else {}

    async def _remove_secret(self, secret: Resource) -> bool:
        if not self._is_orphaned(secret, await self._now(secret.labels["app"])):
            return False
        try:
            await self._store.secrets.delete(secret.key, revision=secret.revision)
        except RevisionConflict:
            return False
        log.info("registration.orphan_removed", secret=secret.name, application=secret.labels["app"])
        return True

    async def _remove_document(self, name: str) -> bool:
        stored = await self._store.objects.stored_at(name)
        if stored is None or (self._store.clock.now() - stored).total_seconds() < self._pace.grace_seconds:
            return False
        (application, *_) = asset_parts(name) or ("",)
        if not orphaned_documents([name], await self._now(application)):
            return False
        await self._store.objects.delete(name)
        log.info("registration.orphan_removed", document=name)
        return True
