"""The receivers write down what really happened, whatever they say about it."""

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest

from hub.drill.books import Books
from hub.drill.events import HOPELESS, TO_FUNCTION, Numbered, event_of
from hub.drill.receiver import LIES, Receivers

LIMIT = 10


@pytest.fixture
async def receivers() -> AsyncIterator[Receivers]:
    """Return running receivers with books of their own."""
    found = Receivers(Books())
    await found.start()
    yield found
    found.stop()


async def post(receivers: Receivers, subscription: str, event: Numbered, pid: str = "") -> bytes:
    """Deliver an event and return everything that is said until the end."""
    receivers._books.posted[event.id] = event
    reader, writer = await asyncio.open_connection("127.0.0.1", receivers.port)
    lines = (f"POST /{subscription} HTTP/1.1", f"ce-id: {event.id}", f"pid: {pid}", "content-length: 2", "", "{}")
    writer.write("\r\n".join(lines).encode())
    writer.write_eof()
    return await asyncio.wait_for(reader.read(), LIMIT)


def last(receivers: Receivers) -> tuple[str, bool]:
    """Return where the last event arrived and whether it was kept."""
    arrival = receivers._books.arrivals[-1]
    return arrival.subscription, arrival.kept


async def test_a_sound_event_is_taken_and_a_poisoned_one_is_not(receivers: Receivers) -> None:
    """204, and 400 that is never tried again; a failing receiver says 503."""
    assert (await post(receivers, "north-plain", event_of("north", "a", 1))).startswith(b"HTTP/1.1 204")
    assert ("north-plain", True) == last(receivers)
    assert (await post(receivers, "north-plain", event_of("north", "a", 36))).startswith(b"HTTP/1.1 400")
    assert ("north-plain", False) == last(receivers)
    assert (await post(receivers, HOPELESS, event_of("south", "c", 1))).startswith(b"HTTP/1.1 503")
    assert (HOPELESS, False) == last(receivers)


async def test_a_liar_keeps_the_event_and_says_otherwise(receivers: Receivers) -> None:
    """Each lie is told in its turn; the books know better."""
    receivers.feel("north-plain", "lie")
    told = [await post(receivers, "north-plain", event_of("north", "a", number)) for number in range(len(LIES))]
    assert list(LIES) == told
    assert all(arrival.kept for arrival in receivers._books.arrivals)


async def test_a_hanging_receiver_answers_nobody(receivers: Receivers) -> None:
    """It hears the event, does not keep it, and lets go when it is well again."""
    receivers.feel("north-plain", "hang")
    posting = asyncio.create_task(post(receivers, "north-plain", event_of("north", "a", 1)))
    assert (set(), {posting}) == await asyncio.wait([posting], timeout=0.3)
    assert ("north-plain", False) == last(receivers)
    receivers.feel("north-plain", "well")
    assert b"" == await posting


async def test_the_function_that_reports_is_killed_before_it_is_answered(receivers: Receivers) -> None:
    """Once; and the event is not counted as taken."""
    victim = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
    receivers.kill_next_caller()
    assert b"" == await post(receivers, TO_FUNCTION, event_of("north", "a", 1), str(victim.pid))
    assert -9 == await asyncio.wait_for(victim.wait(), LIMIT)
    assert 1 == receivers.killed and [] == receivers._books.arrivals
    assert (await post(receivers, TO_FUNCTION, event_of("north", "a", 1), "1")).startswith(b"HTTP/1.1 200")
