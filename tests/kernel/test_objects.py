"""Objects as any client of NATS object stores sees them: what one writes the other reads."""

import pytest
from nats.js.errors import ObjectNotFoundError

from contracts import subjects
from hub.kernel.broker import Bus
from hub.kernel.objects import CHUNK, Objects

SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]


@pytest.mark.parametrize("size", SIZES)
async def test_another_client_reads_what_was_written(bus: Bus, size: int) -> None:
    """Bytes, size and digest are those the library checks, below and above one chunk."""
    content = bytes(number % 251 for number in range(size))
    await Objects(bus).put("specs/shop/1/openapi", content, new=True)
    store = await bus.js.object_store(subjects.ASSETS)
    found = await store.get("specs/shop/1/openapi")
    assert (content, size) == (found.data or b"", found.info.size)


@pytest.mark.parametrize("size", SIZES)
async def test_what_another_client_wrote_is_read(bus: Bus, size: int) -> None:
    """Below and above one chunk."""
    content = bytes(number % 241 for number in range(size))
    store = await bus.js.object_store(subjects.ASSETS)
    await store.put("functions/a", content)
    assert content == await Objects(bus).get("functions/a")


@pytest.mark.parametrize("sizes", [(10, 20), (10, 2 * CHUNK), (2 * CHUNK, 10)])
async def test_a_replaced_object_leaves_no_bytes_of_the_old_one(bus: Bus, sizes: tuple[int, int]) -> None:
    """The newest bytes are read, and the store holds them and nothing else."""
    objects = Objects(bus)
    for number, size in enumerate(sizes):
        await objects.put("a", bytes([number]) * size)
    assert bytes([1]) * sizes[1] == await objects.get("a")
    info = await bus.js.stream_info(f"OBJ_{subjects.ASSETS}", subjects_filter=f"$O.{subjects.ASSETS}.C.>")
    assert 1 == len(info.state.subjects or {})


async def test_a_removed_object_is_gone_for_everybody(bus: Bus) -> None:
    """Neither read nor listed, and its bytes are given back; removing it once more changes nothing."""
    objects = Objects(bus)
    await objects.put("a", b"1")
    for _ in range(2):
        await objects.delete("a")
    assert (await objects.get("a"), await objects.names(), await objects.stored_at("a")) == (None, [], None)
    with pytest.raises(ObjectNotFoundError):
        await (await bus.js.object_store(subjects.ASSETS)).get("a")


async def test_what_is_removed_leaves_nothing_behind(bus: Bus) -> None:
    """Neither its bytes nor a mark of its name, of one chunk or of several; what is stored anew is there again."""
    objects = Objects(bus)
    for content in (b"few", b"many" * CHUNK):
        await objects.put("specs/shop/1", content)
        await objects.delete("specs/shop/1")
        assert (await bus.js.stream_info(f"OBJ_{subjects.ASSETS}")).state.messages == 0
        assert await objects.get("specs/shop/1") is None and await objects.names() == []
    await objects.delete("specs/shop/1")
    await objects.put("specs/shop/1", b"anew")
    assert await objects.get("specs/shop/1") == b"anew"
