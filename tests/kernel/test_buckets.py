"""Buckets and views: one writer with revisions, readers that answer from memory and heal."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from nats.js.kv import KeyValue

from contracts import subjects
from hub.kernel import state
from hub.kernel.broker import Bus
from hub.kernel.errors import AlreadyExists, NotFound, RevisionConflict
from hub.kernel.state import JSON, Bucket, View


async def until(fact: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for a fact, with a limit."""
    limit = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < limit, "the fact did not come true"
        await asyncio.sleep(0.01)


async def test_a_change_based_on_an_old_revision_is_refused(bus: Bus) -> None:
    """Two writers cannot overwrite each other unseen."""
    bucket = Bucket(bus.js, subjects.APPLICATIONS, JSON)
    first = await bucket.create("a.b", 1)
    await bucket.put("a.b", 2, revision=first)
    with pytest.raises(RevisionConflict):
        await bucket.put("a.b", 3, revision=first)
    with pytest.raises(RevisionConflict):
        await bucket.delete("a.b", revision=first)
    assert (await bucket.need("a.b")).value == 2


async def test_what_was_removed_can_be_created_again_once(bus: Bus) -> None:
    """A removal leaves a marker, which is no value."""
    bucket = Bucket(bus.js, subjects.APPLICATIONS, JSON)
    await bucket.delete("a.b", revision=await bucket.create("a.b", 1))
    with pytest.raises(NotFound):
        await bucket.need("a.b")
    await bucket.put("a.b", 2, revision=0)
    with pytest.raises(RevisionConflict):
        await bucket.put("a.b", 3, revision=0)
    with pytest.raises(AlreadyExists):
        await bucket.create("a.b", 3)


async def test_nothing_stays_of_what_was_removed_long_ago(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a hub whose Secrets come and go would keep a mark of each for ever; what was not removed stays."""
    monkeypatch.setattr(state, "MARK_SECONDS", 1.0)
    bucket = Bucket(bus.js, subjects.APPLICATIONS, JSON)
    await bucket.create("a.stays", 1)
    await bucket.delete("a.b", revision=await bucket.create("a.b", 1))
    await bucket.delete("a.c")
    kv = await bus.js.key_value(subjects.APPLICATIONS)
    limit = time.monotonic() + 30
    while (await kv.status()).values > 1:
        assert time.monotonic() < limit, "the marks are still there"
        await asyncio.sleep(0.05)
    assert await bucket.keys() == ["a.stays"]
    await bucket.put("a.b", 2, revision=0)
    assert (await bucket.need("a.b")).value == 2


async def test_a_view_knows_what_was_there_and_hears_what_comes(bus: Bus) -> None:
    """`ready` means that everything stored is known; later changes arrive by themselves."""
    bucket = Bucket(bus.js, subjects.APPLICATIONS, JSON)
    await bucket.create("a.b", 1)
    view = View(bus.js, subjects.APPLICATIONS, JSON)
    heard: list[tuple[str, object]] = []
    view.start()
    await view.ready()
    assert view.get("a.b") == 1
    view.on_change(lambda key, value: heard.append((key, value)))
    await bucket.put("a.c", 2)
    await bucket.delete("a.b")
    await until(lambda: ("a.b", None) in heard)
    assert heard == [("a.b", 1), ("a.c", 2), ("a.b", None)]
    await view.stop()


async def test_a_restarted_view_forgets_what_was_removed_meanwhile(bus: Bus) -> None:
    """After a reconnect the view equals the bucket, removals included."""
    bucket = Bucket(bus.js, subjects.APPLICATIONS, JSON)
    await bucket.create("a.b", 1)
    view = View(bus.js, subjects.APPLICATIONS, JSON)
    view.start()
    await view.ready()
    await view.stop()
    await bucket.delete("a.b")
    await bucket.create("a.c", 2)
    view.start()
    await until(lambda: dict(view.items()) == {"a.c": 2})
    await view.stop()


async def test_a_bucket_is_not_taken_for_empty_when_the_end_is_announced_too_early(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library may announce the end of what is there before its beginning; readers wait for what is there."""
    bucket = Bucket(bus.js, subjects.APPLICATIONS, JSON)
    await bucket.create("a.b", 1)
    await bucket.create("a.c", 2)
    watch = KeyValue.watch

    async def overtaken(kv: KeyValue, *args: Any, **options: Any) -> Any:
        watcher = await watch(kv, *args, **options)
        arrived = [watcher._updates.get_nowait() for _ in range(watcher._updates.qsize())]
        watcher._init_done = True
        for update in [None, *(each for each in arrived if each is not None)]:
            watcher._updates.put_nowait(update)
        return watcher

    monkeypatch.setattr(KeyValue, "watch", overtaken)
    view = View(bus.js, subjects.APPLICATIONS, JSON)
    view.start()
    await view.ready()

    assert dict(view.items()) == {"a.b": 1, "a.c": 2}
    assert sorted(await bucket.keys()) == ["a.b", "a.c"]
    assert sorted(each.value for each in await bucket.entries()) == [1, 2]
    await view.stop()


async def test_an_empty_bucket_is_known_to_be_empty(bus: Bus) -> None:
    """Nothing stored and everything removed are both an end at once, not a wait."""
    bucket = Bucket(bus.js, subjects.APPLICATIONS, JSON)
    assert (await bucket.keys(), await bucket.entries()) == ([], [])
    await bucket.delete("a.b", revision=await bucket.create("a.b", 1))
    assert (await bucket.keys(), await bucket.entries()) == ([], [])
    view = View(bus.js, subjects.APPLICATIONS, JSON)
    view.start()
    async with asyncio.timeout(5):
        await view.ready()
    await view.stop()
