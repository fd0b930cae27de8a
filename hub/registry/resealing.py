"""Seals every Secret anew when the master key is exchanged: page by page, so that it can be broken off and repeated.

A Secret that the present key has sealed already is passed over; one that is changed meanwhile is sealed by that change.
"""

from dataclasses import dataclass
from typing import Any

from hub.kernel.errors import Misconfigured, RevisionConflict
from hub.kernel.keys import Keys
from hub.kernel.resource import Resource
from hub.kernel.state import Bucket
from hub.registry import sealing

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Resealing:
    """Seals the Secrets of a bucket anew."""

    secrets: Bucket[Resource]
    keys: Keys

    async def asked(self, request: dict[str, Any]) -> dict[str, Any]:
        """Seal one page anew: `{"key": fingerprint, "after": bucket key}`.

        Answers `{"resealed", "after"}`; `after` is null behind the last page.

        Raises:
            Misconfigured: this process seals with another master key than the caller means.
        """
        need_key(self.keys, str(request.get("key")))
        after = str(request.get("after") or "")
        page = [key for key in sorted(await self.secrets.keys()) if key > after]
        resealed = [await self._reseal(key) for key in page[:_PAGE]]
        return {"resealed": sum(resealed), "after": page[_PAGE - 1] if len(page) > _PAGE else None}

    async def _reseal(self, key: str) -> bool:
        entry = await self.secrets.get(key)
        if entry is None or sealing.is_current(self.keys, entry.value):
            return False
        try:
            await self.secrets.put(key, sealing.sealed_anew(self.keys, entry.value), revision=entry.revision)
        except RevisionConflict:
            return await self._reseal(key)
        return True


def need_key(keys: Keys, fingerprint: str) -> None:
    """Refuse to seal anew with another key than the one that is meant.

    Raises:
        Misconfigured: this process has another one.
    """
    keys.refresh()
    if keys.fingerprint != fingerprint:
        raise Misconfigured("This worker seals with another master key; restart the hub with the new one and repeat.")
