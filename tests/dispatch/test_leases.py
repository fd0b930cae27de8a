"""Who delivers the events of a Subscription with ordering: one process at a time."""

import asyncio

from contracts import subjects
from hub.dispatch.store import Leases
from hub.kernel.broker import Bus
from hub.kernel.state import JSON, Bucket


def leases(bus: Bus, holder: str, seconds: float = 60) -> Leases:
    """Return the leases as one process sees them."""
    return Leases(Bucket(bus.js, subjects.LEASES, JSON), holder, seconds)


async def test_only_one_holds_a_lease(bus: Bus) -> None:
    """The first one has it, and renews it; the second one does not get it, one for another Subscription it does."""
    first, second = leases(bus, "first"), leases(bus, "second")
    taken = await first.hold("orders")
    assert taken is not None and not taken[1]
    assert await second.hold("orders") is None
    renewed = await first.hold("orders")
    assert renewed is not None and renewed[0] > taken[0]
    assert await second.hold("others") is not None


async def test_a_lease_that_was_given_back_is_taken_at_once_and_clean(bus: Bus) -> None:
    """The next holder need not wait for what the one before had in hand."""
    first, second = leases(bus, "first"), leases(bus, "second")
    await first.hold("orders")
    await first.release("orders")
    taken = await second.hold("orders")
    assert taken is not None and taken[1]
    await first.release("orders")
    assert await first.hold("orders") is None


async def test_a_lease_that_is_not_renewed_is_taken_over_once(bus: Bus) -> None:
    """By the own clock of whoever waits; of two that wait one gets it, and it is not clean."""
    first, second, third = (leases(bus, name, 0.2) for name in ("first", "second", "third"))
    await first.hold("orders")
    assert (await second.hold("orders"), await third.hold("orders")) == (None, None)
    await asyncio.sleep(0.1)
    await first.hold("orders")
    await asyncio.sleep(0.15)
    assert await second.hold("orders") is None  # it was renewed meanwhile
    await third.hold("orders")
    await asyncio.sleep(0.25)  # the time in which nobody renews it
    both = await asyncio.gather(second.hold("orders"), third.hold("orders"))
    taken = [held for held in both if held is not None]
    assert [False] == [is_clean for _, is_clean in taken]
