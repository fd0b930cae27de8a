"""Typed views of key-value buckets: one writer, many readers.

A `Bucket` writes with revisions; a `View` follows a bucket and answers from memory, so that a look-up on the hot path
is a dictionary hit. A room owns the buckets it writes and only views those of others.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import Header
from nats.js.errors import APIError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KV_DEL, KV_OP, KV_PURGE, KeyValue

from hub.kernel.ending import end
from hub.kernel.errors import AlreadyExists, BrokerUnavailable, NotFound, RevisionConflict
from hub.kernel.logger import log

T = TypeVar("T")
_RETRIES = 5
_REMOVALS = (KV_DEL, KV_PURGE)
MARK_SECONDS = 24 * 3600.0
"""How long the mark of a removal is kept. Who follows a bucket hears of it at once, or reads all anew after a break."""
# nats-server's error codes for "expected last sequence differs"; the library translates them on put, not on delete.
_WRONG_LAST_SEQUENCE = (10071, 10164)


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """How values of a bucket become bytes and back."""

    encode: Callable[[T], bytes]
    decode: Callable[[bytes, int], T]
    """Bytes and the revision they were stored under → the value."""


def _decode_json(raw: bytes, _revision: int) -> Any:
    return orjson.loads(raw)


JSON: Codec[Any] = Codec(orjson.dumps, _decode_json)
"""Plain JSON values."""

RAW: Codec[bytes] = Codec(bytes, lambda raw, _revision: raw)
"""Bytes as they are."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A value with the key and the revision it is stored under."""

    key: str
    value: T
    revision: int


async def retried(change: Callable[[], Awaitable[T]]) -> T:
    """Carry out a change of a bucket; when somebody else was faster, again from the beginning, a few times.

    Args:
        change: reads, and writes with the revision that it read.

    Raises:
        RevisionConflict: others were faster every time.
    """
    for _ in range(_RETRIES - 1):
        try:
            return await change()
        except RevisionConflict:
            continue
    return await change()


class Bucket(Generic[T]):
    """A bucket as its one writer sees it."""

    def __init__(self, js: JetStreamContext, name: str, codec: Codec[T]) -> None:
        """Create the view; the bucket itself is declared by the broker module."""
        self._js = js
        self.name = name
        self._codec = codec
        self._kv: KeyValue | None = None

    async def _bound(self) -> KeyValue:
        if self._kv is None:
            with _translated(self.name):
                self._kv = await self._js.key_value(self.name)
        return self._kv

    async def get(self, key: str) -> Entry[T] | None:
        """Return the value stored under a key, or None."""
        kv = await self._bound()
        with _translated(self.name):
            try:
                found = await kv.get(key)
            except KeyNotFoundError:
                return None
        revision = found.revision or 0
        return Entry(key, self._codec.decode(found.value or b"", revision), revision)

    async def need(self, key: str) -> Entry[T]:
        """Return the value stored under a key.

        Raises:
            NotFound: nothing is stored there.
        """
        entry = await self.get(key)
        if entry is None:
            raise NotFound(f"There is no '{key}' in {self.name}.", key=key)
        return entry

    async def create(self, key: str, value: T) -> int:
        """Store a value where there is none; returns its revision.

        Raises:
            AlreadyExists: there is one.
        """
        kv = await self._bound()
        with _translated(self.name):
            try:
                return await kv.create(key, self._codec.encode(value))
            except KeyWrongLastSequenceError as error:
                raise AlreadyExists(f"There is a '{key}' in {self.name} already.", key=key) from error

    async def put(self, key: str, value: T, revision: int | None = None) -> int:
        """Store a value; with a revision only when that is still the newest (0: only where there is none).

        Returns:
            The new revision.

        Raises:
            RevisionConflict: somebody else was faster; read again and repeat.
        """
        kv = await self._bound()
        encoded = self._codec.encode(value)
        with _translated(self.name):
            try:
                if revision is None:
                    return await kv.put(key, encoded)
                if revision == 0:  # `create` also knows what to do where a removal was the last change
                    return await kv.create(key, encoded)
                return await kv.update(key, encoded, last=revision)
            except KeyWrongLastSequenceError as error:
                raise RevisionConflict(f"'{key}' in {self.name} was changed meanwhile.", key=key) from error

    async def delete(self, key: str, revision: int | None = None) -> None:
        """Remove a key; with a revision only when that is still the newest.

        Raises:
            RevisionConflict: somebody else was faster.
        """
        # As the library's own `delete`, whose marks stay for ever.
        headers = {KV_OP: KV_DEL} | ({Header.EXPECTED_LAST_SUBJECT_SEQUENCE: str(revision)} if revision else {})
        with _translated(self.name):
            try:
                await self._js.publish(f"$KV.{self.name}.{key}", headers=headers, msg_ttl=MARK_SECONDS)
            except APIError as error:
                if error.err_code not in _WRONG_LAST_SEQUENCE:
                    raise
                raise RevisionConflict(f"'{key}' in {self.name} was changed meanwhile.", key=key) from error

    async def keys(self) -> list[str]:
        """Return all keys."""
        return [each.key for each in await self._present(meta_only=True)]

    async def entries(self) -> list[Entry[T]]:
        """Return everything that is stored, read in one go."""
        found = await self._present(meta_only=False)
        return [_entry(each, self._codec) for each in found]

    async def _present(self, *, meta_only: bool) -> list[KeyValue.Entry]:
        kv = await self._bound()
        found: dict[str, KeyValue.Entry] = {}
        with _translated(self.name):
            async with contextlib.aclosing(_changes(kv, meta_only=meta_only)) as changes:
                async for each in changes:
                    if each is None:
                        break
                    found[each.key] = each
        return [each for each in found.values() if each.operation not in _REMOVALS]


def _entry(found: KeyValue.Entry, codec: Codec[T]) -> Entry[T]:
    revision = found.revision or 0
    return Entry(found.key, codec.decode(found.value or b"", revision), revision)


_FORGOTTEN_SECONDS = 10.0
"""After this time the server removes the consumer of a reader that is gone. The library's own five minutes let a
thousand short-lived readers of a bucket, as commands are, use up its limit of consumers."""


async def _changes(kv: KeyValue, *, meta_only: bool = False) -> AsyncGenerator[KeyValue.Entry | None, None]:
    """Return all that is in a bucket, then None once, then over what changes.

    The library's own mark for "everything has been read" can come first of all, when the server's answer about its
    consumer overtakes what it has sent already; a bucket would look empty then. The mark is believed of an empty bucket
    only; else the last entry says that it is the last.
    """
    watcher = await kv.watchall(meta_only=meta_only, inactive_threshold=_FORGOTTEN_SECONDS)
    complete = False
    try:
        async for each in watcher:
            if each is not None:
                yield each
            if not complete and (each.delta == 0 if each is not None else (await kv.status()).values == 0):
                complete = True
                yield None
    finally:
        with contextlib.suppress(NatsError, APIError, OSError, TimeoutError):
            await watcher.stop()  # type: ignore[no-untyped-call]  # nats-py leaves it without types


class View(Generic[T]):
    """A bucket as its readers see it: followed from the start, answered from memory.

    The view heals itself: when the connection or the server is lost it keeps answering what it last knew, and follows
    again from a fresh list as soon as it can.
    """

    def __init__(self, js: JetStreamContext, name: str, codec: Codec[T]) -> None:
        """Create the view; `start` begins to follow."""
        self._js = js
        self.name = name
        self._codec = codec
        self._values: dict[str, T] = {}
        self._listeners: list[Callable[[str, T | None], None]] = []
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._follower = 0
        """Number of the task that follows; earlier ones have nothing to say any more."""

    def get(self, key: str) -> T | None:
        """Return the value of a key as last heard, or None. A dictionary hit."""
        return self._values.get(key)

    def items(self) -> Iterator[tuple[str, T]]:
        """Iterate over a copy of all keys and values."""
        return iter(list(self._values.items()))

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._values)

    def on_change(self, listener: Callable[[str, T | None], None]) -> None:
        """Call a function with key and value (None: removed) on every change, and now for what is known."""
        self._listeners.append(listener)
        for key, value in self.items():
            listener(key, value)

    def start(self) -> None:
        """Begin to follow the bucket."""
        if self._task is None:
            self._follower += 1
            self._task = asyncio.create_task(self._follow(self._follower), name=f"view-{self.name}")

    async def ready(self) -> None:
        """Wait until everything that was in the bucket is known."""
        await self._ready.wait()

    def restart(self) -> None:
        """Follow anew, after a reconnect: the server may have lost the watcher's consumer."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
            self.start()

    async def stop(self) -> None:
        """Stop following."""
        task, self._task = self._task, None
        await end(task)

    async def _follow(self, follower: int) -> None:
        pause = 0.05
        while follower == self._follower:
            try:
                await self._read_through(follower)
            except (NatsError, APIError, OSError, TimeoutError) as error:
                log.warning("view.interrupted", bucket=self.name, error=repr(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    async def _read_through(self, follower: int) -> None:
        kv = await self._js.key_value(self.name)
        seen: set[str] | None = set()
        async with contextlib.aclosing(_changes(kv)) as changes:
            async for update in changes:
                if follower != self._follower:  # its cancellation was swallowed on the way
                    return
                if update is None:  # everything that was there at the start has been read
                    self._forget_unseen(seen or set())
                    seen = None
                    self._ready.set()
                    continue
                if seen is not None:
                    seen.add(update.key)
                self._apply(update)

    def _apply(self, update: KeyValue.Entry) -> None:
        if update.operation in _REMOVALS:
            self._forget(update.key)
            return
        try:
            value = self._codec.decode(update.value or b"", update.revision or 0)
        except (ValueError, KeyError, TypeError) as error:
            # The value came from outside; where in the codec it failed helps nobody who reads the log.
            log.error("view.value_unreadable", bucket=self.name, key=update.key, error=repr(error))
            return
        self._values[update.key] = value
        self._announce(update.key, value)

    def _forget_unseen(self, seen: set[str]) -> None:
        for key in [known for known in self._values if known not in seen]:
            self._forget(key)

    def _forget(self, key: str) -> None:
        if self._values.pop(key, None) is not None:
            self._announce(key, None)

    def _announce(self, key: str, value: T | None) -> None:
        for listener in self._listeners:
            listener(key, value)


@contextlib.contextmanager
def _translated(bucket: str) -> Iterator[None]:
    """Turn errors of the NATS library into ours."""
    try:
        yield
    except (KeyNotFoundError, KeyWrongLastSequenceError):
        raise
    except (NatsError, APIError, TimeoutError, OSError) as error:
        raise BrokerUnavailable(
            f"The bucket '{bucket}' does not answer; is nats-server up?", retry_after_seconds=1
        ) from error
