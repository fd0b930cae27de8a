"""Limits: one application cannot crowd out the others."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ingress.limits import Limit
from hub.ingress.settings import Allowance
from hub.kernel.broker import Bus
from hub.kernel.errors import BodyTooLarge, TooManyRequests
from tests.conftest import make_settings
from tests.ingress.conftest import BATCH, EVENT, count_stored


@pytest.fixture
async def limited(
    bus: Bus, running: Callable[..., Any], tmp_path: Path, nats_url: str
) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of a hub where `shop` may post three events at once and hardly any later."""
    limits = {"shop": {"events_per_second": 0.001, "burst": 3, "event_bytes": 50}}
    tree = make_settings(tmp_path, nats_url, ingress={"limits": limits})
    process = await running(["ingress"], ["internal"], tree)
    async with httpx.AsyncClient(base_url=process.addresses()["internal"]) as client:
        yield client


def binary(number: int) -> dict[str, str]:
    """Return the headers of an event."""
    return {"ce-specversion": "1.0", "ce-id": str(number), "ce-source": "s", "ce-type": "a.v1"}


async def test_above_its_rate_an_application_is_told_to_wait_and_the_others_are_not(
    limited: httpx.AsyncClient, bus: Bus
) -> None:
    """429 with `Retry-After` for it alone; what was answered 204 is stored, nothing else."""
    answers = [await limited.post("/shop/events", headers=binary(number)) for number in range(5)]
    assert [answer.status_code for answer in answers] == [204, 204, 204, 429, 429]
    assert int(answers[3].headers["retry-after"]) > 100
    assert (await limited.post("/other/events", headers=binary(9))).status_code == 204
    assert await count_stored(bus) == 4


async def test_a_batch_counts_with_each_event(limited: httpx.AsyncClient, bus: Bus) -> None:
    """A batch above the burst never fits: 413, not 429."""
    three = orjson.dumps([EVENT | {"id": str(number)} for number in range(3)])
    four = orjson.dumps([EVENT | {"id": str(number)} for number in range(4)])
    assert (await limited.post("/shop/events", headers=BATCH, content=four)).status_code == 413
    assert (await limited.post("/shop/events", headers=BATCH, content=three)).status_code == 204
    assert (await limited.post("/shop/events", headers=BATCH, content=three)).status_code == 429
    assert await count_stored(bus) == 3


async def test_an_event_above_its_size_is_refused(limited: httpx.AsyncClient) -> None:
    """413 for it alone."""
    assert (await limited.post("/shop/events", headers=binary(1), content=b"x" * 51)).status_code == 413
    assert (await limited.post("/other/events", headers=binary(1), content=b"x" * 51)).status_code == 204


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 5)), max_size=30), st.integers(1, 20), st.integers(1, 20))
def test_no_more_than_burst_and_rate_pass(steps: list[tuple[float, int]], rate: int, burst: int) -> None:
    """Law: in any span at most the burst and the span's share of the rate pass; waiting as told always helps."""
    limit = Limit("shop", Allowance(events_per_second=rate, burst=burst))
    now, passed = 100.0, 0
    for pause, count in steps:
        now += pause
        try:
            limit.take(count, now)
        except TooManyRequests as error:
            now += error.fields["retry_after_seconds"] + 1e-6
            limit.take(count, now)
        except BodyTooLarge:
            assert count > burst
            continue
        passed += count
        assert passed <= burst + (now - 100.0) * rate + 1e-3


def test_a_long_pause_saves_no_more_than_the_burst() -> None:
    """Who was silent for an hour may not post an hour's worth at once."""
    limit = Limit("shop", Allowance(events_per_second=10, burst=5))
    limit.take(1, 0.0)
    limit.take(5, 3600.0)
    with pytest.raises(TooManyRequests):
        limit.take(1, 3600.0)
