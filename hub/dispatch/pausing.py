"""Pauses of Subscriptions: asked for by somebody, or because a sink said that it is gone for good.

Either way it is `spec.paused` that says so, for all workers and past their restarts; the status says why.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from contracts.envelope import Contract
from contracts.subscription.v1 import SubscriptionPaused, SubscriptionResumed
from hub.kernel.clock import Clock, rfc3339
from hub.kernel.errors import NotFound
from hub.kernel.resource import Resource
from hub.kernel.state import Bucket, retried

Reason = Literal["requested", "sink_gone"]


@dataclass(frozen=True, slots=True)
class Pausing:
    """Writes pauses into the bucket; the reconciler of each worker acts on them."""

    bucket: Bucket[Resource]
    clock: Clock
    announce: Callable[[Contract], None]

    async def pause(self, key: str, reason: Reason) -> bool:
        """Pause a Subscription; returns whether it was not.

        Raises:
            NotFound: there is none.
            RevisionConflict: others go on changing it.
        """
        return await self._set(key, reason)

    async def resume(self, key: str) -> bool:
        """Let a Subscription deliver from where it stopped; returns whether it was paused.

        Raises:
            NotFound: there is none.
            RevisionConflict: others go on changing it.
        """
        return await self._set(key, None)

    async def _set(self, key: str, reason: Reason | None) -> bool:
        async def change() -> bool:
            entry = await self.bucket.get(key)
            if entry is None:
                raise NotFound("The Subscription does not exist.")
            if bool(entry.value.spec.get("paused", False)) == (reason is not None):
                return False
            await self.bucket.put(key, changed(entry.value, reason, self._now()), revision=entry.revision)
            self.announce(told_of(entry.value, reason))
            return True

        return await retried(change)

    def _now(self) -> str:
        return rfc3339(self.clock.now())


def told_of(resource: Resource, reason: Reason | None) -> Contract:
    """Return what rooms are told of it."""
    scope, name = resource.scope, resource.name
    if reason is None:
        return SubscriptionResumed(scope=scope, name=name)
    return SubscriptionPaused(scope=scope, name=name, reason=reason)


def changed(resource: Resource, reason: Reason | None, now: str) -> Resource:
    """Return a Subscription paused for a reason, or going on."""
    spec = {name: value for name, value in resource.spec.items() if name != "paused"}
    status = {name: value for name, value in resource.status.items() if name != "pause"}
    if reason is not None:
        spec["paused"] = True
        status["pause"] = {"reason": reason, "since": now}
    return replace(resource, spec=spec, status=status, generation=resource.generation + 1)
