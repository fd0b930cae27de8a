"""Pause, resume, and another position, on request. The declarative form of the first two is `spec.paused`."""

from typing import Any

from hub.dispatch.auditing import Publish, record
from hub.dispatch.consumer.lines import Lines
from hub.dispatch.pausing import Pausing
from hub.dispatch.positions import start_status
from hub.dispatch.store import Consumers
from hub.kernel.errors import InvalidField, NotFound
from hub.kernel.resource import DEFAULT_SCOPE, Resource, resource_key
from hub.kernel.state import Entry, retried


class Steering:
    """Requests about one Subscription: `{"name", "scope", "by"}`, and `to` for another position. All are audited."""

    def __init__(self, pausing: Pausing, consumers: Consumers, lines: Lines, publish: Publish) -> None:
        """Work on the Subscriptions of this bucket; `publish` takes audit records."""
        self._pausing = pausing
        self._bucket = pausing.bucket
        self._consumers = consumers
        self._lines = lines
        self._publish = publish

    async def pause(self, request: dict[str, Any]) -> dict[str, Any]:
        """Stop deliveries; events are kept, and the position too."""
        key = (await self._need(request)).key
        is_new = await self._pausing.pause(key, "requested")
        return await self._act_on(request, key, "pause", is_new=is_new)

    async def resume(self, request: dict[str, Any]) -> dict[str, Any]:
        """Deliver from where it was stopped."""
        key = (await self._need(request)).key
        is_new = await self._pausing.resume(key)
        return await self._act_on(request, key, "resume", is_new=is_new)

    async def _act_on(self, request: dict[str, Any], key: str, verb: str, *, is_new: bool) -> dict[str, Any]:
        if is_new:
            await self._lines.reconcile(key)
            await record(self._publish, f"subscription.{verb}", request)
        return {"outcome": "configured" if is_new else "unchanged", "paused": verb == "pause"}

    async def reset(self, request: dict[str, Any]) -> dict[str, Any]:
        """Let a Subscription begin elsewhere: events before are not delivered any more, events after (again).

        The position is stored before the consumer is removed, so that whichever worker makes it anew begins there.

        Args:
            request: with `to`: `now`, `beginning`, a moment (RFC 3339) or a position in the stream.
        """
        key = (await self._need(request)).key
        start = start_status(request.get("to"), await self._consumers.last_sequence())

        async def store() -> None:
            entry = await self._need(request)
            await self._bucket.put(key, entry.value.with_status(entry.value.status | {"start": start}), entry.revision)

        await retried(store)
        await self._lines.remake(key)
        await record(self._publish, "subscription.reset", request, f"to {request.get('to')}")
        return {"outcome": "configured", "start": start}

    async def _need(self, request: dict[str, Any]) -> Entry[Resource]:
        name, scope = request.get("name"), request.get("scope") or DEFAULT_SCOPE
        if not isinstance(name, str) or not name or not isinstance(scope, str):
            raise InvalidField("name must be that of a Subscription.", field="name")
        entry = await self._bucket.get(resource_key(scope, name))
        if entry is None:
            raise NotFound(f"Subscription '{name}' does not exist in scope '{scope}'.", name=name)
        return entry
