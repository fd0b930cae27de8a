"""The object store of what is too large for a bucket: specifications, function sources, documents.

What is stored can be read by any client of NATS object stores. Writing takes the publishing connection, and reading a
document of one chunk takes no consumer: nats-py makes and removes one for each, which costs nats-server more than the
rest of a registration.
"""

import asyncio
import base64
import contextlib
import hashlib
import secrets
from datetime import UTC, datetime

import orjson
from nats.errors import Error as NatsError
from nats.js.api import ObjectInfo, ObjectMetaOptions
from nats.js.errors import APIError, NotFoundError, ObjectDeletedError, ObjectNotFoundError
from nats.js.object_store import ObjectStore

from contracts import subjects
from hub.kernel.broker import Bus
from hub.kernel.errors import BrokerUnavailable

# nats-py waits for ever when an object is replaced between the reading of its description and of its bytes: the bytes
# it waits for are gone. The next attempt reads the new description; a large object gets the time it needs in the end.
_READ_SECONDS = (0.3, 0.3, 1.0, 10.0)
_REPLACED_SECONDS = 0.02
CHUNK = 128 * 1024
"""Bytes in one message; what other clients write by default. Larger objects go the library's way, piece by piece: at
once they would hold up the events on the publishing connection."""
_STREAM = f"OBJ_{subjects.ASSETS}"
_ONLY_THIS = {"Nats-Rollup": "sub"}
"""A description replaces the one before."""


class Objects:
    """Named bytes of any size."""

    def __init__(self, bus: Bus) -> None:
        """Share the connections; the store is declared by the layout module."""
        self._bus = bus
        self._store: ObjectStore | None = None

    async def _bound(self) -> ObjectStore:
        if self._store is None:
            self._store = await self._bus.js.object_store(subjects.ASSETS)
        return self._store

    async def put(self, name: str, content: bytes, *, new: bool = False) -> None:
        """Store bytes under a name, replacing what was there.

        Args:
            name: of the object.
            content: its bytes.
            new: there is nothing of that name yet; saves a look.

        Raises:
            BrokerUnavailable: the store does not answer.
        """
        try:
            if not 0 < len(content) <= CHUNK:
                await (await self._bound()).put(name, content)
                return
            old = None if new else await self._described(name)
            await self._write(described(name, content), content)
            if old is not None and old.chunks:
                await self._purge(old)
        except (NatsError, APIError, TimeoutError) as error:
            raise BrokerUnavailable(f"'{name}' could not be stored.") from error

    async def _write(self, info: ObjectInfo, content: bytes) -> None:
        """Write one chunk, and not before it is there its description: whoever reads the one may read the other."""
        try:
            await self._bus.publish(_chunks_of(info), content, {})
            await self._bus.publish(_meta_of(info.name), orjson.dumps(info.as_dict()), _ONLY_THIS)
        except BrokerUnavailable:
            with contextlib.suppress(NatsError, APIError, TimeoutError):
                found = await self._described(info.name)
                if found is None or found.nuid != info.nuid:  # else it is stored, and only the answer was lost
                    await self._purge(info)
            raise

    async def _purge(self, info: ObjectInfo) -> None:
        """Remove chunks that nothing describes any more; what cannot be removed costs room and nothing else."""
        with contextlib.suppress(NatsError, APIError, TimeoutError):
            await self._bus.js.purge_stream(_STREAM, subject=_chunks_of(info))

    async def get(self, name: str) -> bytes | None:
        """Return the bytes stored under a name, or None.

        Raises:
            BrokerUnavailable: the store does not answer.
        """
        for seconds in _READ_SECONDS:
            try:
                async with asyncio.timeout(seconds):
                    found = await self._described(name)
                    return await self._content_of(found) if found is not None else None
            except TimeoutError:
                continue
            except NotFoundError:  # replaced meanwhile
                await asyncio.sleep(_REPLACED_SECONDS)
            except (NatsError, APIError) as error:
                raise BrokerUnavailable(f"'{name}' could not be read.") from error
        raise BrokerUnavailable(f"'{name}' could not be read in time.")

    async def _content_of(self, found: ObjectInfo) -> bytes:
        if not found.chunks:
            return b""
        if found.chunks > 1:
            return (await (await self._bound()).get(found.name)).data or b""
        message = await self._bus.js.get_last_msg(_STREAM, _chunks_of(found), direct=True)
        content = message.data or b""
        if found.digest != _digest_of(content):
            raise BrokerUnavailable(f"'{found.name}' is stored with other bytes than its description says.")
        return content

    async def names(self) -> list[str]:
        """Return the names of everything that is stored.

        Raises:
            BrokerUnavailable: the store does not answer.
        """
        try:
            found = await (await self._bound()).list(ignore_deletes=True)
        except NotFoundError:
            return []
        except (NatsError, APIError, TimeoutError) as error:
            raise BrokerUnavailable("The stored objects could not be listed.") from error
        return [entry.name for entry in found if not entry.deleted]

    async def stored_at(self, name: str) -> datetime | None:
        """Return when an object was stored, or None when there is none.

        Raises:
            BrokerUnavailable: the store does not answer.
        """
        try:
            found = await self._described(name)
        except (NatsError, APIError, TimeoutError) as error:
            raise BrokerUnavailable(f"'{name}' could not be read.") from error
        return datetime.fromisoformat(found.mtime) if found and found.mtime else None

    async def delete(self, name: str) -> None:
        """Remove a name; nothing happens when it is not there.

        No mark is left in its place, as the library leaves one: nobody follows the store, and marks of names that never
        come again would pile up in it. What was stored anew meanwhile stays.

        Raises:
            BrokerUnavailable: the store does not answer.
        """
        try:
            found = await self._bus.js.get_last_msg(_STREAM, _meta_of(name))
            await self._bus.js.purge_stream(_STREAM, subject=_meta_of(name), seq=(found.seq or 0) + 1)
        except NotFoundError:
            return
        except (NatsError, APIError, TimeoutError) as error:
            raise BrokerUnavailable(f"'{name}' could not be removed.") from error
        await self._purge(ObjectInfo.from_response(orjson.loads(found.data or b"{}")))

    async def _described(self, name: str) -> ObjectInfo | None:
        try:
            return await (await self._bound()).get_info(name)
        except (ObjectNotFoundError, ObjectDeletedError, NotFoundError):
            return None


def described(name: str, content: bytes) -> ObjectInfo:
    """Return the description of an object of one chunk, as clients of NATS object stores write it."""
    return ObjectInfo(
        name=name,
        bucket=subjects.ASSETS,
        nuid=secrets.token_hex(11),
        size=len(content),
        mtime=datetime.now(UTC).isoformat(),
        chunks=1,
        digest=_digest_of(content),
        options=ObjectMetaOptions(max_chunk_size=CHUNK),
    )


def _digest_of(content: bytes) -> str:
    return f"SHA-256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()}"


def _chunks_of(info: ObjectInfo) -> str:
    return f"$O.{subjects.ASSETS}.C.{info.nuid}"


def _meta_of(name: str) -> str:
    return f"$O.{subjects.ASSETS}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"
