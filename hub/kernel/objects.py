"""The object store of what is too large for a bucket: specifications, function sources, documents."""

import asyncio
from datetime import datetime

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError, ObjectDeletedError, ObjectNotFoundError
from nats.js.object_store import ObjectStore

from contracts import subjects
from hub.kernel.errors import BrokerUnavailable

READ_SECONDS = 10
"""Seconds after which reading one object is given up."""


class Objects:
    """Named bytes of any size."""

    def __init__(self, js: JetStreamContext) -> None:
        """Create the view; the store is declared by the layout module."""
        self._js = js
        self._store: ObjectStore | None = None

    async def _bound(self) -> ObjectStore:
        if self._store is None:
            self._store = await self._js.object_store(subjects.ASSETS)
        return self._store

    async def put(self, name: str, content: bytes) -> None:
        """Store bytes under a name, replacing what was there.

        Raises:
            BrokerUnavailable: the store does not answer.
        """
        try:
            await (await self._bound()).put(name, content)
        except (NatsError, APIError, TimeoutError) as error:
            raise BrokerUnavailable(f"'{name}' could not be stored.") from error

    async def get(self, name: str) -> bytes | None:
        """Return the bytes stored under a name, or None.

        Raises:
            BrokerUnavailable: the store does not answer.
        """
        try:
            # An object that is replaced while it is read never comes to its end.
            async with asyncio.timeout(READ_SECONDS):
                return (await (await self._bound()).get(name)).data
        except (ObjectNotFoundError, ObjectDeletedError, NotFoundError):
            return None
        except (NatsError, APIError, TimeoutError) as error:
            raise BrokerUnavailable(f"'{name}' could not be read.") from error

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
            found = await (await self._bound()).get_info(name)
        except (ObjectNotFoundError, ObjectDeletedError, NotFoundError):
            return None
        except (NatsError, APIError, TimeoutError) as error:
            raise BrokerUnavailable(f"'{name}' could not be read.") from error
        return datetime.fromisoformat(found.mtime) if found.mtime and not found.deleted else None

    async def delete(self, name: str) -> None:
        """Remove a name; nothing happens when it is not there.

        Raises:
            BrokerUnavailable: the store does not answer.
        """
        try:
            await (await self._bound()).delete(name)
        except (ObjectNotFoundError, ObjectDeletedError, NotFoundError):
            return
        except (NatsError, APIError, TimeoutError) as error:
            raise BrokerUnavailable(f"'{name}' could not be removed.") from error
