"""Remembers what is costly to fetch for as long as it is valid; fetched once for everybody who asks meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from hub.kernel.errors import HubError

T = TypeVar("T")
_KEPT = 10_000


class Fresh(NamedTuple, Generic[T]):
    """Something just fetched, and how long it may be used."""

    value: T
    valid_seconds: float
    renew_seconds: float
    """After these a new one is fetched while the old one is still used."""


@dataclass(slots=True)
class _Kept(Generic[T]):
    value: T
    valid_until: float
    renew_from: float


class Memory(Generic[T]):
    """Values by key, each with its own end."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._kept: dict[Hashable, _Kept[T]] = {}
        self._under_way: dict[Hashable, asyncio.Task[T]] = {}

    async def get(self, key: Hashable, fetch: Callable[[], Awaitable[Fresh[T]]]) -> T:
        """Return what is kept, or fetch it; who asks while it is being fetched waits for the same one."""
        kept, now = self._kept.get(key), asyncio.get_running_loop().time()
        if kept is None or now >= kept.valid_until:
            return await asyncio.shield(self._fetching(key, fetch))
        if now >= kept.renew_from and key not in self._under_way:
            kept.renew_from = kept.valid_until  # one try; if it fails the next is made when the value ends
            self._fetching(key, fetch).add_done_callback(_pass_over)
        return kept.value

    def _fetching(self, key: Hashable, fetch: Callable[[], Awaitable[Fresh[T]]]) -> asyncio.Task[T]:
        if key not in self._under_way:
            task = self._under_way[key] = asyncio.create_task(self._fetch(key, fetch))
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return self._under_way[key]

    async def _fetch(self, key: Hashable, fetch: Callable[[], Awaitable[Fresh[T]]]) -> T:
        value, valid, renew = await fetch()
        now = asyncio.get_running_loop().time()
        if len(self._kept) >= _KEPT:
            self._kept = {key: kept for key, kept in self._kept.items() if kept.valid_until > now}
        if valid > 0:
            self._kept[key] = _Kept(value, now + valid, now + renew)
        return value

    def forget(self, key: Hashable, value: T) -> None:
        """Fetch anew next time, unless somebody has done so already: then another value is kept."""
        kept = self._kept.get(key)
        if kept is not None and kept.value == value:
            del self._kept[key]

    async def close(self) -> None:
        """Break off what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _pass_over(task: "asyncio.Task[T]") -> None:
    """Take note of a failure in the background: whoever needs the value next meets it."""
    if not task.cancelled():
        error = task.exception()
        if error is not None and not isinstance(error, HubError):
            raise error
