"""What functions keeps and reads: the bucket of Functions, and the views of Secrets and ConfigMaps.

Several processes run the same Functions side by side and write the same status: a write that lost the race is judged
again against what is stored now, and a status that says nothing new is not written.
"""

import base64

import orjson

from contracts import subjects
from hub.functions.conditions import State, status_of
from hub.functions.environment import Lookup, Values, config_map_values, secret_values
from hub.functions.kinds import FUNCTION
from hub.kernel.clock import rfc3339
from hub.kernel.errors import RevisionConflict
from hub.kernel.resource import Resource
from hub.kernel.room import RoomHouse

_RETRIES = 8


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

    def look_up(self, scope: str) -> Lookup:
        """Return how the values of a scope's Secrets and ConfigMaps are found."""

        def find(kind: str, name: str) -> Values | None:
            view = self.secrets if kind == "Secret" else self.config_maps
            resource = view.get(subjects.key(scope, name))
            if resource is None:
                return None
            return self._opened(resource) if kind == "Secret" else config_map_values(resource.spec)

        return find

    def _opened(self, secret: Resource) -> Values:
        sealed = base64.b64decode(secret.spec.get("sealed", ""))
        plain = self._keys.open(sealed, f"{subjects.SECRETS}/{secret.key}")
        return secret_values(orjson.loads(plain))

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
