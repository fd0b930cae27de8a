"""One process at a time: the lease is renewed, given back, and taken over from one that is gone."""

import asyncio

from contracts import subjects
from hub.compass.store import Lease
from hub.kernel.broker import Bus
from hub.kernel.state import JSON, Bucket


def lease(bus: Bus, holder: str, seconds: float = 0.2) -> Lease:
    """Return one process's view of the lease."""
    return Lease(Bucket(bus.js, subjects.SYNCHRONIZATION, JSON), holder, seconds)


async def test_only_one_holds_it_and_what_is_given_back_is_free_at_once(bus: Bus) -> None:
    """The second one waits as long as the first one renews."""
    first, second = lease(bus, "a", 60), lease(bus, "b", 60)
    assert await first.hold() and not await second.hold() and await first.hold()
    await first.release()
    assert await second.hold() and not await first.hold()


async def test_it_is_taken_over_from_one_that_is_gone(bus: Bus) -> None:
    """Without a renewal for its whole length, by the waiting one's own clock; the former holder sees that."""
    first, second = lease(bus, "a"), lease(bus, "b")
    assert await first.hold()
    async with asyncio.timeout(10):
        while not await second.hold():
            await asyncio.sleep(0.01)
    assert not await first.hold()


async def test_two_who_wait_do_not_take_it_both(bus: Bus) -> None:
    """They write with the revision they saw: one is too late."""
    assert await lease(bus, "a").hold()
    waiting = [lease(bus, f"w{number}", 0.1) for number in range(5)]
    async with asyncio.timeout(10):
        while not any(held := await asyncio.gather(*(each.hold() for each in waiting))):
            await asyncio.sleep(0.01)
    assert 1 == sum(held)
