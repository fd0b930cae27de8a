"""What functions keeps and reads: the bucket of Functions, and the views of Secrets and ConfigMaps.

Several processes run the same Functions side by side and write the same status: a write that lost the race is judged
again against what is stored now, and a status that says nothing new is not written.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from contracts import subjects
from hub.functions.conditions import State, status_of
from hub.functions.environment import Values, config_map_values, secret_values
from hub.functions.history import History, News, decoded, encoded, with_spec
from hub.functions.kinds import FUNCTION
from hub.functions.routing import route_of, without_routing
from hub.kernel.clock import rfc3339
from hub.kernel.errors import BrokerUnavailable, RevisionConflict
from hub.kernel.resource import Resource
from hub.kernel.room import RoomHouse
from hub.kernel.state import JSON, Bucket

_RETRIES = 8


@dataclass(frozen=True, slots=True)
class Secret:
    """An opened Secret."""

    type: str
    values: dict[str, bytes]

    @property
    def texts(self) -> dict[str, str]:
        """Return the values as text."""
        return {name: value.decode("utf-8", "replace") for name, value in self.values.items()}


class FunctionStore:
    """Functions, and what their environments are made of."""

    def __init__(self, house: RoomHouse) -> None:
        """Open the bucket and the views."""
        self._keys = house.keys
        self._clock = house.clock
        self._bucket = house.resources(FUNCTION)
        self.functions = house.resource_view(subjects.FUNCTIONS)
        self.secrets = house.resource_view(subjects.SECRETS)
        self.config_maps = house.resource_view(subjects.CONFIGMAPS)
        self._revisions: Bucket[Any] = house.bucket(subjects.REVISIONS, JSON)

    def shelf(self, scope: str) -> "Shelf":
        """Return what Functions of a scope may take values from."""
        return Shelf(self, scope)

    def opened(self, secret: Resource) -> Secret:
        """Return a Secret with its values."""
        sealed = base64.b64decode(secret.spec.get("sealed", ""))
        plain = self._keys.open(sealed, f"{subjects.SECRETS}/{secret.key}")
        return Secret(str(secret.spec.get("type") or ""), secret_values(orjson.loads(plain)))

    async def put_status(self, function: Resource, state: State) -> bool:
        """Store how it stands with a Function; returns whether that was news.

        A Function that has been changed or removed meanwhile is left alone: its next form gets its own status.
        """
        for _ in range(_RETRIES):
            entry = await self._bucket.get(function.key)
            if entry is None or (entry.value.uid, entry.value.generation) != (function.uid, function.generation):
                return False
            status = status_of(entry.value, state, rfc3339(self._clock.now()))
            if status == entry.value.status:
                return False
            try:
                await self._bucket.put(function.key, entry.value.with_status(status), revision=entry.revision)
            except RevisionConflict:
                continue
            return True
        return False


    async def history(self, key: str) -> History:
        """Return the revisions of a Function."""
        entry = await self._revisions.get(key)
        return decoded(entry.value) if entry is not None else History()

    async def spec_of(self, key: str, number: int) -> dict[str, Any] | None:
        """Return the spec of a revision, or None when it is not kept."""
        entry = await self._revisions.get(f"{key}.{number}")
        return entry.value if entry is not None else None

    async def remember(self, function: Resource, most: int) -> History:
        """Make sure that the spec of a Function is among its revisions, and return them."""
        routed = frozenset(number for number, _ in route_of(function.spec, 0).shares)
        shadow = route_of(function.spec, 0).shadow
        routed |= {shadow} if shadow else frozenset()

        def add(history: History) -> History:
            return with_spec(history, function, rfc3339(self._clock.now()), most, routed)

        before = await self.history(function.key)
        after = add(before)
        if after == before:
            return before
        # Before the list that names it: whoever reads the list finds the spec.
        await self._revisions.put(f"{function.key}.{function.generation}", without_routing(function.spec))
        return await self._change(function.key, add)

    async def judge(self, key: str, history: History, news: News) -> None:
        """Remember whether a revision of a Function answers, unless its history says so already."""
        if history.with_news(news) != history:
            await self._change(key, lambda now: now.with_news(news))

    async def _change(self, key: str, change: Callable[[History], History]) -> History:
        """Change a history; several processes may do so at once, and nothing is written that is there already."""
        for _ in range(_RETRIES):
            entry = await self._revisions.get(key)
            before = decoded(entry.value) if entry is not None else History()
            after = change(before)
            if after == before:
                return after
            try:
                await self._revisions.put(key, encoded(after), revision=entry.revision if entry is not None else 0)
            except RevisionConflict:
                continue
            kept = {each.number for each in after.revisions}
            await self._forget(key, [each.number for each in before.revisions if each.number not in kept])
            return after
        raise BrokerUnavailable(f"The revisions of '{key}' are being changed by others; it is tried again.")

    async def forget_revisions(self, key: str) -> None:
        """Forget all revisions of a Function that is gone."""
        history = await self.history(key)
        if history.uid and self.functions.get(key) is None:
            await self._revisions.delete(key)
            await self._forget(key, [each.number for each in history.revisions])

    async def _forget(self, key: str, numbers: list[int]) -> None:
        for number in numbers:
            await self._revisions.delete(f"{key}.{number}")


class Shelf:
    """The Secrets and ConfigMaps of one scope."""

    def __init__(self, store: FunctionStore, scope: str) -> None:
        """Look into the views of a store."""
        self._store = store
        self._scope = scope

    def secrets(self, name: str) -> Secret | None:
        """Return an opened Secret, or None when it does not exist."""
        resource = self._store.secrets.get(subjects.key(self._scope, name))
        return self._store.opened(resource) if resource is not None else None

    def look_up(self, kind: str, name: str) -> Values | None:
        """Return the values of a Secret or ConfigMap as text, or None when it does not exist."""
        if kind == "Secret":
            secret = self.secrets(name)
            return secret.texts if secret is not None else None
        resource = self._store.config_maps.get(subjects.key(self._scope, name))
        return config_map_values(resource.spec) if resource is not None else None
