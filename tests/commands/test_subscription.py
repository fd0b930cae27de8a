"""`hub subscription pause|resume|reset` as operators and scripts use it."""

from typing import Any

import pytest

from hub.kernel.broker import Bus
from tests.commands.line import Line
from tests.dispatch.letters import subscribe


@pytest.fixture
async def orders(bus: Bus, running: Any) -> Bus:
    """Return the bus of a dispatch with the Subscription `orders`."""
    await running(["dispatch"])
    await subscribe(bus)
    return bus


async def test_a_subscription_is_paused_and_resumed(orders: Bus, hub: Line) -> None:
    """Said in words and as JSON; what changes nothing is no error; `hub audit` tells who it was."""
    assert "paused" in (await hub("subscription", "pause", "orders")).out
    assert "already" in (await hub("subscription", "pause", "orders")).out
    resumed = await hub("subscription", "resume", "orders", "-o", "json")
    assert resumed.json == {"outcome": "configured", "paused": False}
    audited = (await hub("audit", "subscriptions/default/orders")).out
    assert ("subscription.pause" in audited, "subscription.resume" in audited, "operator:" in audited) == (True,) * 3


@pytest.mark.parametrize(
    ("to", "start"),
    [
        ("now", "sequence"),
        ("beginning", "sequence"),
        ("1", "sequence"),
        ("2h", "moment"),
        ("2030-01-31T12:00:00Z", "moment"),
    ],
)
async def test_a_subscription_begins_elsewhere(orders: Bus, hub: Line, to: str, start: str) -> None:
    """A word, a position, a time before now, or a moment."""
    told = await hub("subscription", "reset", "orders", "--to", to, "-o", "json")
    assert told.status == 0, told.err
    assert start in told.json["start"], told.json


async def test_refusals_are_one_line(orders: Bus, hub: Line) -> None:
    """No such Subscription, no such position; where to is needed."""
    assert "'nobody' does not exist" in (await hub("subscription", "pause", "nobody")).err
    assert "--to 'then'" in (await hub("subscription", "reset", "orders", "--to", "then")).err
    assert (await hub("subscription", "reset", "orders")).status == 2
    assert "Example" in (await hub("subscription", "pause", "--help")).out
