"""Which process delivers the events of a Subscription with ordering: one at a time.

A lease names its holder and is written when it changes hands. It holds for as long as its holder gives signs of life:
one entry per worker, written anew a few times within the time that a lease lasts. No clock is compared with another
one: whoever waits sees that a sign has not changed for that long by the own clock, and removes it under that very
revision. From then on the holder cannot renew it; it finds that out at its next sign at the latest, and long before
that its own clock told it that its leases had run out.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from hub.kernel.errors import BrokerUnavailable, RevisionConflict
from hub.kernel.state import Bucket, Entry

SIGNS = "worker."
"""Before the names of workers; no consumer's name begins like this."""
SIGNS_PER_LEASE = 4
# Clocks of two machines need not run alike.
_PATIENCE = 1.1
# After the store was away everybody gets the time for a sign before anybody is given up.
_SIGNS_BEFORE_JUDGING = 2
_ANSWER_SECONDS = 1.0
_REREAD_SECONDS = 15.0


class Leases:
    """The leases of one worker."""

    def __init__(self, bucket: Bucket[Any], new_name: Callable[[], str], seconds: float) -> None:
        """Hold leases for so many seconds after each sign of life, under a name that nobody had before."""
        self._bucket = bucket
        self._new_name = new_name
        self.seconds = seconds
        self._name = new_name()
        self._revision = 0
        self._signs = 0
        self._in_a_row = 0
        self._seen: dict[str, tuple[int, float]] = {}
        self._alive: dict[str, int] = {}
        self._holders: dict[str, tuple[str, float]] = {}

    async def give_sign(self) -> float:
        """Say that this worker is alive.

        Returns:
            Until when its leases hold (monotonic seconds).

        Raises:
            RevisionConflict: it was taken for dead. Its leases are lost; it goes on under another name.
            BrokerUnavailable: nats-server does not answer.
        """
        self._signs += 1
        for _ in range(2):
            asked = time.monotonic()
            try:
                self._revision = await self._write_sign()
            except RevisionConflict:
                await self._find_sign()
                continue
            except BrokerUnavailable:
                self._in_a_row = 0
                raise
            self._in_a_row += 1
            return asked + self.seconds
        raise BrokerUnavailable

    async def _write_sign(self) -> int:
        value = {"seconds": self.seconds}
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await self._bucket.put(SIGNS + self._name, value, revision=self._revision)
        except TimeoutError as error:
            raise BrokerUnavailable from error

    async def _find_sign(self) -> None:
        """Go on from a sign whose answer was lost, or under a new name when somebody removed it."""
        entry = await self._bucket.get(SIGNS + self._name)
        if entry is not None:
            self._revision = entry.revision
            return
        self._name, self._revision, self._in_a_row = self._new_name(), 0, 0
        self._holders.clear()
        raise RevisionConflict("This worker gave no sign of life and was taken for dead.")

    async def hold(self, durable: str) -> bool:
        """Take the lease of a consumer unless another worker has it; returns whether it is this worker's now.

        Raises:
            BrokerUnavailable: nats-server does not answer.
        """
        known, read_at = self._holders.get(durable, ("", 0.0))
        if known and time.monotonic() - read_at < _REREAD_SECONDS and not await self._is_gone(known):
            return False
        entry: Entry[Any] | None = await self._bucket.get(durable)
        holder = str(entry.value.get("holder", "")) if entry else ""
        if holder == self._name:
            return True
        if holder and not await self._is_gone(holder):
            self._holders[durable] = (holder, time.monotonic())
            return False
        try:
            await self._bucket.put(durable, {"holder": self._name}, revision=entry.revision if entry else 0)
        except RevisionConflict:
            return False
        self._holders.pop(durable, None)
        return True

    async def _is_gone(self, worker: str) -> bool:
        """Return whether a worker gives no signs of life; one that is given up here can give none any more."""
        if self._alive.get(worker) == self._signs:  # looked at since the own last sign
            return False
        entry = await self._bucket.get(SIGNS + worker)
        now = time.monotonic()
        if entry is None or await self._is_given_up(worker, entry, now):
            self._seen.pop(worker, None)
            self._alive.pop(worker, None)
            return True
        self._alive[worker] = self._signs
        return False

    async def _is_given_up(self, worker: str, sign: Entry[Any], now: float) -> bool:
        revision, since = self._seen.setdefault(worker, (sign.revision, now))
        if revision != sign.revision:
            self._seen[worker] = (sign.revision, now)
            return False
        lasts = max(self.seconds, float(sign.value.get("seconds", 0)))
        if now - since < lasts * _PATIENCE or self._in_a_row < _SIGNS_BEFORE_JUDGING:
            return False
        try:
            await self._bucket.delete(SIGNS + worker, revision=sign.revision)
        except RevisionConflict:  # it lives, or somebody else was faster
            return False
        return True

    async def release(self, durable: str) -> None:
        """Give a lease back, after everything in hand was.

        Raises:
            BrokerUnavailable: nats-server does not answer.
        """
        entry = await self._bucket.get(durable)
        if entry is None or entry.value.get("holder") != self._name:
            return
        try:
            await self._bucket.put(durable, {"holder": ""}, revision=entry.revision)
        except RevisionConflict:
            return

    async def leave(self) -> None:
        """Give no more signs of life: others need not wait for the next one.

        Raises:
            BrokerUnavailable: nats-server does not answer.
        """
        if self._revision:
            try:
                await self._bucket.delete(SIGNS + self._name, revision=self._revision)
            except RevisionConflict:
                return
