"""Pause, resume, and another position, on request. The declarative form of the first two is `spec.paused`."""

from dataclasses import replace
from typing import Any

from hub.dispatch.consumer.lines import Lines
from hub.dispatch.positions import start_status
from hub.dispatch.store import Consumers
from hub.kernel.errors import InvalidField, NotFound, RevisionConflict
from hub.kernel.resource import DEFAULT_SCOPE, Resource, resource_key
from hub.kernel.state import Bucket, Entry

_RETRIES = 5


class Steering:
    """Requests about one Subscription: `{"name", "scope"}`, and `to` for another position."""

    def __init__(self, bucket: Bucket[Resource], consumers: Consumers, lines: Lines) -> None:
        """Work on the Subscriptions of this bucket."""
        self._bucket = bucket
        self._consumers = consumers
        self._lines = lines

    async def pause(self, request: dict[str, Any]) -> dict[str, Any]:
        """Stop deliveries; events are kept, and the position too."""
        return await self._set_paused(request, is_paused=True)

    async def resume(self, request: dict[str, Any]) -> dict[str, Any]:
        """Deliver from where it was stopped."""
        return await self._set_paused(request, is_paused=False)

    async def _set_paused(self, request: dict[str, Any], *, is_paused: bool) -> dict[str, Any]:
        for attempt in range(_RETRIES):
            entry = await self._need(request)
            resource = entry.value
            if bool(resource.spec.get("paused", False)) == is_paused:
                return {"outcome": "unchanged", "paused": is_paused}
            spec = {name: value for name, value in resource.spec.items() if name != "paused"}
            changed = replace(
                resource, spec=spec | ({"paused": True} if is_paused else {}), generation=resource.generation + 1
            )
            try:
                await self._bucket.put(entry.key, changed, revision=entry.revision)
            except RevisionConflict:
                if attempt == _RETRIES - 1:
                    raise
                continue
            await self._lines.reconcile(entry.key)
            break
        return {"outcome": "configured", "paused": is_paused}

    async def reset(self, request: dict[str, Any]) -> dict[str, Any]:
        """Let a Subscription begin elsewhere: events before are not delivered any more, events after (again).

        The position is stored before the consumer is removed, so that whichever worker makes it anew begins there.

        Args:
            request: with `to`: `now`, `beginning`, a moment (RFC 3339) or a position in the stream.
        """
        entry = await self._need(request)
        start = start_status(request.get("to"), await self._consumers.last_sequence())
        for attempt in range(_RETRIES):
            try:
                status = entry.value.status | {"start": start}
                await self._bucket.put(entry.key, entry.value.with_status(status), revision=entry.revision)
                break
            except RevisionConflict:
                if attempt == _RETRIES - 1:
                    raise
                entry = await self._need(request)
        await self._lines.remake(entry.key)
        return {"outcome": "configured", "start": start}

    async def _need(self, request: dict[str, Any]) -> Entry[Resource]:
        name, scope = request.get("name"), request.get("scope") or DEFAULT_SCOPE
        if not isinstance(name, str) or not name or not isinstance(scope, str):
            raise InvalidField("name must be that of a Subscription.", field="name")
        entry = await self._bucket.get(resource_key(scope, name))
        if entry is None:
            raise NotFound(f"Subscription '{name}' does not exist in scope '{scope}'.", name=name)
        return entry
