"""Seals the keys of the authorities anew when the master key is exchanged.

Works on the value as it is kept: wherever in it a sealed key stands, it is replaced by the same key sealed anew.
"""

import base64
from dataclasses import dataclass
from typing import Any

from contracts import subjects
from hub.kernel.errors import Misconfigured, RevisionConflict
from hub.kernel.keys import Keys
from hub.kernel.state import Bucket

_SEALED = "key"


@dataclass(frozen=True, slots=True)
class Resealing:
    """Seals the bucket of authorities anew."""

    authorities: Bucket[Any]
    keys: Keys

    async def asked(self, request: dict[str, Any]) -> dict[str, Any]:
        """Seal all of it anew: `{"key": fingerprint of the master key}`; answers `{"resealed", "after": null}`.

        Raises:
            Misconfigured: this process seals with another master key than the caller means.
        """
        self.keys.refresh()
        if self.keys.fingerprint != request.get("key"):
            raise Misconfigured(
                "This worker seals with another master key; restart the hub with the new one and repeat."
            )
        resealed = [await self._reseal(key) for key in await self.authorities.keys()]
        return {"resealed": sum(resealed), "after": None}

    async def _reseal(self, key: str) -> int:
        entry = await self.authorities.need(key)
        anew, count = resealed(self.keys, entry.value, f"{subjects.AUTHORITIES}/{key}")
        if not count:
            return 0
        try:
            await self.authorities.put(key, anew, revision=entry.revision)
        except RevisionConflict:
            return await self._reseal(key)
        return count


def resealed(keys: Keys, value: Any, context: str) -> tuple[Any, int]:
    """Return a value with every key in it sealed by the present master key, and how many were not before."""
    if isinstance(value, list):
        parts = [resealed(keys, item, context) for item in value]
        return [part for part, _ in parts], sum(count for _, count in parts)
    if not isinstance(value, dict):
        return value, 0
    members = {name: resealed(keys, item, context) for name, item in value.items() if name != _SEALED}
    anew = {name: item for name, (item, _) in members.items()}
    count = sum(found for _, found in members.values())
    if _SEALED not in value:
        return anew, count
    sealed = base64.b64decode(value[_SEALED])
    if keys.is_current(sealed, context):
        return anew | {_SEALED: value[_SEALED]}, count
    plain = keys.open(sealed, context)
    return anew | {_SEALED: base64.b64encode(keys.seal(plain, context)).decode()}, count + 1
