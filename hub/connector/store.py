"""What the connector keeps: the authorities, hashes of pairing tokens, revoked certificates.

Each is written so that several processes may do it at once: the authorities as one value under its revision, a token's
end by whoever still finds it under its revision. One value at a time is written, so nothing is ever half there.
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
from hub.connector.model import Authority, Client, Generation, Generations, Pairing
from hub.kernel.clock import Clock
from hub.kernel.errors import AlreadyExists, RevisionConflict
from hub.kernel.keys import Keys
from hub.kernel.state import JSON, Bucket, Codec, Entry, View, retried

_AUTHORITY = "hub"
_CONTEXT = f"{subjects.AUTHORITIES}/{_AUTHORITY}"
_VIEW_LIMIT_SECONDS = 2.0
FORGIVEN = timedelta(days=1)
"""How long after its certificate's end a revocation is still kept: clocks differ."""

Change = Callable[[Generations], Generations]


def _encode(pairing: Pairing) -> bytes:
    client = pairing.client
    named = {"application": client.application, "tenant": client.tenant, "group": client.group}
    return orjson.dumps({**named, "expires": pairing.expires.isoformat()})


def _decode(raw: bytes, _revision: int) -> Pairing:
    kept = orjson.loads(raw)
    client = Client(kept["application"], kept["tenant"], kept["group"])
    return Pairing(client, datetime.fromisoformat(kept["expires"]))


PAIRINGS: Codec[Pairing] = Codec(_encode, _decode)
"""How the meaning of a token is kept, under the token's hash."""
REVOKED: Codec[Any] = JSON
"""How a revoked certificate is kept, under its fingerprint: application, serial, time, reason, end of the certificate.
An ended authority is kept in the same way, under its key identifier."""


class Authorities:
    """The hub's authorities, their keys sealed."""

    def __init__(self, bucket: Bucket[Any], keys: Keys) -> None:
        """Take the bucket and the master key."""
        self._bucket = bucket
        self._keys = keys

    async def obtain(self, make: Callable[[], Awaitable[Generation]]) -> Generations:
        """Return the authorities; at the very first start make one. All processes end with the same."""
        entry = await self._bucket.get(_AUTHORITY)
        if entry is not None:
            return self._open(entry.value)
        made = (await make(),)
        try:
            await self._bucket.create(_AUTHORITY, self._seal(made))
        except AlreadyExists:
            return await self.read()
        return made

    async def read(self) -> Generations:
        """Return the authorities as they are kept now."""
        return self._open((await self._bucket.need(_AUTHORITY)).value)

    async def change(self, change: Change) -> Generations:
        """Replace the authorities by what a function makes of them; it is asked again when somebody was faster.

        Raises:
            RevisionConflict: somebody was faster each time.
            HubError: whatever the function refuses with; nothing is changed then.
        """

        async def replace() -> Generations:
            entry = await self._bucket.need(_AUTHORITY)
            changed = change(self._open(entry.value))
            await self._bucket.put(_AUTHORITY, self._seal(changed), revision=entry.revision)
            return changed

        return await retried(replace)

    def _seal(self, generations: Generations) -> dict[str, Any]:
        return {"generations": [self._seal_one(generation) for generation in generations]}

    def _seal_one(self, generation: Generation) -> dict[str, str]:
        authority = generation.authority
        return {
            "certificate": authority.certificate.decode(),
            "key": base64.b64encode(self._keys.seal(authority.key, _CONTEXT)).decode(),
            "since": generation.since.isoformat(),
        }

    def _open(self, kept: dict[str, Any]) -> Generations:
        return tuple(self._open_one(one) for one in kept["generations"])

    def _open_one(self, kept: dict[str, str]) -> Generation:
        key = self._keys.open(base64.b64decode(kept["key"]), _CONTEXT)
        return Generation(Authority(kept["certificate"].encode(), key), datetime.fromisoformat(kept["since"]))


class Tokens:
    """Pairing tokens, of which only hashes are kept."""

    def __init__(self, bucket: Bucket[Pairing], clock: Clock, seconds: float, runtime_seconds: float) -> None:
        """Take the bucket and how long a token is good, for Applications and for runtimes."""
        self._bucket = bucket
        self._clock = clock
        self._seconds = seconds
        self._runtime_seconds = runtime_seconds

    async def create(self, client: Client) -> tuple[str, datetime]:
        """Return a new token for a client, and when it expires."""
        token = tokens.new_token()
        seconds = self._runtime_seconds if client.runtime else self._seconds
        expires = self._clock.now() + timedelta(seconds=seconds)
        await self._bucket.create(tokens.digest(token), Pairing(client, expires))
        return token, expires

    async def find(self, token: str, *, runtime: bool) -> Entry[Pairing]:
        """Return what a token stands for, without using it up.

        Raises:
            NotPermitted: it is unknown, expired, used, or one for the other kind of client.
        """
        entry = await self._bucket.get(tokens.digest(token))
        tokens.check(entry.value if entry else None, self._clock.now(), runtime=runtime)
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
        """Use a token up and return a second one for the same client.

        The second is stored first, so that a lost connection leaves either the first token or both, never none.

        Raises:
            NotPermitted: another use was faster.
        """
        token, _ = await self.create(entry.value.client)
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

    async def forget(self, now: datetime) -> int:
        """Remove revocations of certificates that have ended anyway; returns how many."""
        forgotten = 0
        for fingerprint in await self._bucket.keys():
            entry = await self._bucket.get(fingerprint)
            if entry is None or not _ended(entry.value, now):
                continue
            with contextlib.suppress(RevisionConflict):  # another process does the same
                await self._bucket.delete(fingerprint, revision=entry.revision)
                forgotten += 1
        return forgotten

    def _heard(self, fingerprint: str, _facts: Any) -> None:
        if fingerprint in self._awaited:
            self._awaited[fingerprint].set()


def _ended(facts: dict[str, str], now: datetime) -> bool:
    """Return whether a revoked certificate has ended; one whose end is not known has not."""
    try:
        return datetime.fromisoformat(facts["not_after"]) + FORGIVEN < now
    except (KeyError, ValueError):
        return False
