"""Who delivers the events of a Subscription with ordering: one process at a time."""

import asyncio
import itertools
import time

import pytest

from contracts import subjects
from hub.dispatch.consumer.leases import Leases
from hub.kernel.broker import Bus
from hub.kernel.errors import RevisionConflict
from hub.kernel.state import JSON, Bucket


def leases(bus: Bus, worker: str, seconds: float = 60) -> Leases:
    """Return the leases as one process sees them."""
    names = (f"{worker}-{number}" for number in itertools.count())
    return Leases(Bucket(bus.js, subjects.LEASES, JSON), lambda: next(names), seconds)


async def alive(*workers: Leases) -> None:
    """Let each give a sign of life."""
    for worker in workers:
        await worker.give_sign()


async def test_only_one_holds_a_lease(bus: Bus) -> None:
    """The first one has it, as often as it asks; the second one gets the one for another Subscription only."""
    first, second = leases(bus, "first"), leases(bus, "second")
    await alive(first, second)
    assert [True, True, False] == [await one.hold("orders") for one in (first, first, second)]
    await alive(second)
    assert not await second.hold("orders") and await second.hold("others")


async def test_a_lease_that_was_given_back_is_taken_at_once(bus: Bus) -> None:
    """The others hear of it at their next look: whoever leaves gives no sign of life any more."""
    first, second = leases(bus, "first"), leases(bus, "second")
    await alive(first, second)
    await first.hold("orders")
    assert not await second.hold("orders")
    await first.release("orders")
    await first.leave()
    await alive(second)
    assert await second.hold("orders")
    await second.release("others")  # not its own: nothing happens
    assert await second.hold("orders")


async def test_a_worker_without_signs_of_life_loses_its_leases_once(bus: Bus) -> None:
    """By the own clock of whoever waits, and not before its time; of two that wait one gets it."""
    first, second, third = (leases(bus, name, 0.3) for name in ("first", "second", "third"))
    await alive(first, second, third)
    await first.hold("orders")
    assert (False, False) == (await second.hold("orders"), await third.hold("orders"))
    began, taken = time.monotonic(), 0
    while not taken:
        await alive(second, third)
        taken = sum(await asyncio.gather(second.hold("orders"), third.hold("orders")))
        assert time.monotonic() < began + 15
    assert 1 == taken and time.monotonic() > began + 0.3
    await alive(second, third)
    assert 1 == sum(await asyncio.gather(second.hold("orders"), third.hold("orders")))


async def test_a_worker_that_gives_signs_keeps_its_leases(bus: Bus) -> None:
    """However long the other one waits; one lease more or less costs no sign more."""
    first, second = leases(bus, "first", 0.3), leases(bus, "second", 0.3)
    await alive(first, second)
    await first.hold("orders")
    for _ in range(12):
        await alive(first, second)
        assert not await second.hold("orders")
        await asyncio.sleep(0.05)


async def test_a_worker_taken_for_dead_is_told_and_holds_nothing(bus: Bus) -> None:
    """Its next sign of life is refused; it goes on under another name and finds its lease with the other one."""
    first, second = leases(bus, "first", 0.2), leases(bus, "second", 0.2)
    await alive(first, second)
    await first.hold("orders")
    limit = time.monotonic() + 15
    while not await second.hold("orders"):
        await alive(second)
        assert time.monotonic() < limit
    with pytest.raises(RevisionConflict):
        await first.give_sign()
    await alive(first, second)
    assert not await first.hold("orders")


async def test_a_sign_of_life_whose_answer_was_lost_costs_nothing(bus: Bus) -> None:
    """The worker finds its own sign stored and goes on from there, its leases kept."""
    first, second = leases(bus, "first"), leases(bus, "second")
    await alive(first, second)
    await first.hold("orders")
    await Bucket(bus.js, subjects.LEASES, JSON).put("worker.first-0", {"seconds": 60})
    await alive(first)
    assert await first.hold("orders") and not await second.hold("orders")
