"""The janitor: read events make room, unread ones never go, and a full store recovers by itself."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from contracts import subjects
from hub.dispatch.clearing import Reader, Store, keep_from
from hub.dispatch.janitor import Janitor
from hub.kernel.broker import Bus
from hub.kernel.settings import StreamSettings
from tests.conftest import make_settings

LIMIT = 100_000
SETTINGS = StreamSettings(max_bytes=LIMIT, janitor_seconds=0.05)


async def fill(bus: Bus, subject: str, count: int) -> None:
    """Store events of one kilobyte."""
    for _ in range(count):
        await bus.publish(subject, b"x" * 1000, {})


async def read(bus: Bus, durable: str, count: int) -> None:
    """Read and acknowledge events as a Subscription does."""
    subscription = await bus.js.pull_subscribe_bind(durable, subjects.EVENTS)
    for _ in range(count):
        for message in await subscription.fetch(1, timeout=5):
            await message.ack_sync()
    await subscription.unsubscribe()


async def subscribe(bus: Bus, durable: str, filter_subject: str) -> None:
    """Create a durable consumer."""
    config = ConsumerConfig(
        durable_name=durable,
        filter_subject=filter_subject,
        ack_policy=AckPolicy.EXPLICIT,
        deliver_policy=DeliverPolicy.ALL,
    )
    await bus.js.add_consumer(subjects.EVENTS, config)


@pytest.fixture
async def small(bus: Bus) -> Bus:
    """Return a bus whose event store holds 100 kB."""
    config = (await bus.js.stream_info(subjects.EVENTS)).config
    await bus.js.update_stream(config, max_bytes=LIMIT)
    return bus


async def state(bus: Bus) -> Any:
    """Return the state of the event store."""
    return (await bus.js.stream_info(subjects.EVENTS)).state


async def test_below_its_share_nothing_is_cleared(small: Bus) -> None:
    """Read events stay as long as there is room, for replay."""
    await fill(small, "events.a.b", 50)
    await Janitor(small, SETTINGS).clear()
    assert (await state(small)).messages == 50


async def test_what_every_subscription_has_read_makes_room(small: Bus) -> None:
    """As much as it takes; an idle Subscription to other types holds nothing back."""
    await subscribe(small, "one", "events.a.b")
    await subscribe(small, "idle", "events.other.>")
    await fill(small, "events.a.b", 85)
    await read(small, "one", 40)
    await Janitor(small, SETTINGS).clear()
    kept = await state(small)
    assert LIMIT * SETTINGS.clear_above * 0.95 < kept.bytes <= LIMIT * SETTINGS.clear_above * 1.02
    assert 1 < kept.first_seq <= 41


async def test_what_one_subscription_has_not_read_stays(small: Bus) -> None:
    """Not delivered, or delivered and not acknowledged: neither goes."""
    await subscribe(small, "slow", "events.a.>")
    await subscribe(small, "fast", "events.a.>")
    await fill(small, "events.a.b", 90)
    await read(small, "fast", 90)
    await read(small, "slow", 3)
    holding = await small.js.pull_subscribe_bind("slow", subjects.EVENTS)
    await holding.fetch(5, timeout=5)
    await Janitor(small, SETTINGS).clear()
    assert (await state(small)).first_seq == 4
    await holding.unsubscribe()


@pytest.fixture
async def http(
    small: Bus, running: Callable[..., Any], tmp_path: Path, nats_url: str
) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of a hub with a small store and a busy janitor."""
    tree = make_settings(tmp_path, nats_url, streams=SETTINGS.model_dump())
    process = await running(["ingress", "dispatch"], ["internal"], tree)
    async with httpx.AsyncClient(base_url=process.addresses()["internal"]) as client:
        yield client


async def test_a_full_store_recovers_without_a_restart(http: httpx.AsyncClient, small: Bus) -> None:
    """507 while all is unread; 204 again soon after it was read."""
    await subscribe(small, "slow", "events.a.>")
    headers = {"ce-specversion": "1.0", "ce-source": "a", "ce-type": "b"}

    async def post(number: int) -> int:
        return (await http.post("/a/events", headers=headers | {"ce-id": str(number)}, content=b"x" * 1000)).status_code

    accepted = 0
    while await post(accepted) == 204:
        accepted += 1
    assert await post(accepted) == 507
    assert (await state(small)).messages == accepted
    await read(small, "slow", accepted)
    for _ in range(200):
        if await post(accepted) == 204:
            break
    assert await post(accepted) == 204
    assert (await state(small)).first_seq > 1


@given(
    st.integers(1, 1000),
    st.integers(0, 1000),
    st.lists(
        st.builds(Reader, st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 3), st.integers(0, 3)), max_size=4
    ),
    st.floats(0.1, 0.9),
)
def test_nothing_needed_is_ever_cleared(first: int, messages: int, readers: list[Reader], share: float) -> None:
    """Law: everything from what any reader may need stays, and something is cleared only above the share."""
    store = Store(first, first + messages - 1, messages, messages * 100, 50_000)
    keep = keep_from(store, readers, share)
    if keep is None:
        return
    assert store.share > share
    assert store.first < keep <= store.last + 1
    assert all(keep <= reader.needs_from(store.last) for reader in readers)
