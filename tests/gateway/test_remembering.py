"""What is fetched once for many: renewed behind their backs, whoever leaves."""

import asyncio

import pytest

from hub.gateway.remembering import Fresh, Memory
from hub.kernel.errors import UpstreamRefused
from tests.gateway.conftest import until


async def test_the_old_value_is_used_while_a_new_one_is_fetched() -> None:
    """Nobody waits for a renewal."""
    memory, go, fetches = Memory[str](), asyncio.Event(), 0

    async def fetch() -> Fresh[str]:
        nonlocal fetches
        fetches += 1
        number = fetches
        if number > 1:
            await go.wait()
        return Fresh(f"value {number}", 1000, 0 if number == 1 else 1000)

    first = await memory.get("key", fetch)
    during = [await memory.get("key", fetch) for _ in range(3)]
    await until(lambda: fetches == 2)
    go.set()
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        while await memory.get("key", fetch) != "value 2":
            await asyncio.sleep(0)

    assert ("value 1", ["value 1"] * 3, 2) == (first, during, fetches)


async def test_a_renewal_that_fails_changes_nothing_yet() -> None:
    """The value is good until its end; the failure meets nobody."""
    memory, fetches = Memory[str](), 0

    async def fetch() -> Fresh[str]:
        nonlocal fetches
        fetches += 1
        if fetches > 1:
            raise UpstreamRefused
        return Fresh("value", 1000, 0)

    values = [await memory.get("key", fetch)]
    values.append(await memory.get("key", fetch))
    await until(lambda: fetches == 2)
    values.append(await memory.get("key", fetch))

    assert (["value"] * 3, 2) == (values, fetches)


async def test_a_fetch_outlives_the_caller_that_began_it() -> None:
    """Others wait for it too; a failure reaches all of them, and the next one tries again."""
    memory, go, fetches = Memory[str](), asyncio.Event(), 0

    async def fetch() -> Fresh[str]:
        nonlocal fetches
        fetches += 1
        await go.wait()
        if fetches == 1:
            raise UpstreamRefused
        return Fresh("value", 1000, 1000)

    began = asyncio.create_task(memory.get("key", fetch))
    await until(lambda: fetches == 1)
    waiting = asyncio.create_task(memory.get("key", fetch))
    await asyncio.sleep(0)
    began.cancel()
    go.set()

    with pytest.raises(UpstreamRefused):
        await waiting
    assert ("value", 2) == (await memory.get("key", fetch), fetches)


async def test_only_the_value_that_was_refused_is_forgotten() -> None:
    """Of many callers whose token was refused at once the first fetches, the others use what it got."""
    memory, fetches = Memory[str](), 0

    async def fetch() -> Fresh[str]:
        nonlocal fetches
        fetches += 1
        return Fresh(f"value {fetches}", 1000, 1000)

    old = await memory.get("key", fetch)
    for _ in range(3):
        memory.forget("key", old)
        assert "value 2" == await memory.get("key", fetch)

    assert 2 == fetches
