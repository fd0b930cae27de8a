"""The object store of what is too large for a bucket: specifications, function sources, documents."""

import asyncio
from datetime import datetime

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError, ObjectDeletedError, ObjectNotFoundError
from nats.js.object_store import ObjectStore

from contracts import subjects
from hub.kernel.errors import BrokerUnavailable

# nats-py waits for ever when an object is replaced between the reading of its description and of its bytes: the bytes
# it waits for are gone. The next attempt reads the new description; a large object gets the time it needs in the end.
_READ_SECONDS = (0.3, 0.3, 1.0, 10.0)


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
        for seconds in _READ_SECONDS:
            try:
                async with asyncio.timeout(seconds):
                    return (await (await self._bound()).get(name)).data
            except (ObjectNotFoundError, ObjectDeletedError, NotFoundError):
                return None
            except TimeoutError:
                continue
            except (NatsError, APIError) as error:
                raise BrokerUnavailable(f"'{name}' could not be read.") from error
        raise BrokerUnavailable(f"'{name}' could not be read in time.")

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
