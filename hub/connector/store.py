"""What the connector keeps: the authority, hashes of pairing tokens, revoked certificates.

Each is written so that several processes may do it at once: the authority by whoever is first, a token's end by
whoever still finds it under its revision.
"""

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import orjson

from contracts import subjects
from hub.connector import tokens
from hub.connector.model import Authority, Pairing
from hub.kernel.clock import Clock
from hub.kernel.errors import AlreadyExists, RevisionConflict
from hub.kernel.keys import Keys
from hub.kernel.state import JSON, Bucket, Codec, Entry, View

_AUTHORITY = "hub"
_CONTEXT = f"{subjects.AUTHORITIES}/{_AUTHORITY}"
_VIEW_LIMIT_SECONDS = 2.0


def _encode(pairing: Pairing) -> bytes:
    return orjson.dumps({"application": pairing.application, "expires": pairing.expires.isoformat()})


def _decode(raw: bytes, _revision: int) -> Pairing:
    kept = orjson.loads(raw)
    return Pairing(kept["application"], datetime.fromisoformat(kept["expires"]))


PAIRINGS: Codec[Pairing] = Codec(_encode, _decode)
"""How the meaning of a token is kept, under the token's hash."""
REVOKED: Codec[Any] = JSON
"""How a revoked certificate is kept, under its fingerprint: application, serial, time, reason."""


class Authorities:
    """The hub's authority, its key sealed."""

    def __init__(self, bucket: Bucket[Any], keys: Keys) -> None:
        """Take the bucket and the master key."""
        self._bucket = bucket
        self._keys = keys

    async def obtain(self, make: Callable[[], Awaitable[Authority]]) -> Authority:
        """Return the authority; at the very first start make one. All processes end with the same."""
        entry = await self._bucket.get(_AUTHORITY)
        if entry is not None:
            return self._open(entry.value)
        made = await make()
        try:
            await self._bucket.create(_AUTHORITY, self._seal(made))
        except AlreadyExists:
            return self._open((await self._bucket.need(_AUTHORITY)).value)
        return made

    def _seal(self, authority: Authority) -> dict[str, str]:
        sealed = base64.b64encode(self._keys.seal(authority.key, _CONTEXT)).decode()
        return {"certificate": authority.certificate.decode(), "key": sealed}

    def _open(self, kept: dict[str, str]) -> Authority:
        key = self._keys.open(base64.b64decode(kept["key"]), _CONTEXT)
        return Authority(kept["certificate"].encode(), key)


class Tokens:
    """Pairing tokens, of which only hashes are kept."""

    def __init__(self, bucket: Bucket[Pairing], clock: Clock, seconds: float) -> None:
        """Take the bucket and how long a token is good."""
        self._bucket = bucket
        self._clock = clock
        self._seconds = seconds

    async def create(self, application: str) -> tuple[str, datetime]:
        """Return a new token for an Application, and when it expires."""
        token = tokens.new_token()
        expires = self._clock.now() + timedelta(seconds=self._seconds)
        await self._bucket.create(tokens.digest(token), Pairing(application, expires))
        return token, expires

    async def find(self, token: str) -> Entry[Pairing]:
        """Return what a token stands for, without using it up.

        Raises:
            NotPermitted: it is unknown, expired or used.
        """
        entry = await self._bucket.get(tokens.digest(token))
        tokens.check(entry.value if entry else None, self._clock.now())
        if entry is None:
            raise tokens.invalid()
        return entry

    async def consume(self, entry: Entry[Pairing]) -> None:
        """Use a token up. Of several uses at the same time exactly one succeeds.

        Raises:
            NotPermitted: another use was faster.
        """
        try:
            await self._bucket.delete(entry.key, revision=entry.revision)
        except RevisionConflict as error:
            raise tokens.invalid() from error

    async def exchange(self, entry: Entry[Pairing]) -> str:
        """Use a token up and return a second one for the same Application.

        The second is stored first, so that a lost connection leaves either the first token or both, never none.

        Raises:
            NotPermitted: another use was faster.
        """
        token, _ = await self.create(entry.value.application)
        try:
            await self.consume(entry)
        except BaseException:
            await self._bucket.delete(tokens.digest(token))
            raise
        return token


class Revocations:
    """Revoked certificates by fingerprint; every listener follows this bucket."""

    def __init__(self, bucket: Bucket[Any], view: View[Any]) -> None:
        """Take the bucket, and the view that this process decides by."""
        self._bucket = bucket
        self._awaited: dict[str, asyncio.Event] = {}
        view.on_change(self._heard)

    async def add(self, fingerprint: str, facts: dict[str, str]) -> bool:
        """Revoke a certificate; False when it was revoked already.

        Returns when this process refuses the certificate; the others hear of it a moment later.
        """
        heard = self._awaited.setdefault(fingerprint, asyncio.Event())
        try:
            await self._bucket.create(fingerprint, facts)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(heard.wait(), _VIEW_LIMIT_SECONDS)
        except AlreadyExists:
            return False
        finally:
            self._awaited.pop(fingerprint, None)
        return True

    def _heard(self, fingerprint: str, _facts: Any) -> None:
        if fingerprint in self._awaited:
            self._awaited[fingerprint].set()
