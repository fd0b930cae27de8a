"""Cycles of what happens seldom do not pile up in a process whose collector looks seldom by itself."""

import asyncio
import gc
import weakref

from hub.up.serving import WHOLE_EVERY, collect_until


class Ring:
    """Something that refers to itself, as what a library leaves behind."""

    def __init__(self) -> None:
        """Close the ring."""
        self.itself = self


async def test_what_refers_to_itself_is_collected_by_the_clock() -> None:
    """However old it was when it became garbage: young, and old enough to have been passed over before."""
    young, old = Ring(), Ring()
    gc.collect()  # what is there now counts as old
    thresholds, stopping = gc.get_threshold(), asyncio.Event()
    gc.disable()
    watched = [weakref.ref(young), weakref.ref(old)]
    del young, old
    collecting = asyncio.create_task(collect_until(stopping, 0.001))
    try:
        async with asyncio.timeout(30):
            while any(each() is not None for each in watched):
                await asyncio.sleep(0.001)
    finally:
        stopping.set()
        gc.enable()
    await asyncio.wait_for(collecting, 30)
    assert gc.get_threshold() == thresholds and WHOLE_EVERY > 1
