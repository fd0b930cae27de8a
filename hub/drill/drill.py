"""The drill from the first manifest to the last settled event. What it returns was seen, not assumed."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from hub.commands.connection.pairing import pair
from hub.demo import letters
from hub.demo.asking import Asking
from hub.drill import manifests
from hub.drill.audit import RECOVERY_LIMIT_SECONDS, Struck
from hub.drill.books import Books
from hub.drill.events import INNER, INSIDE, ORDERED, PAIRED, PLAIN, TO_FUNCTION, lanes_of
from hub.drill.schedule import Fault
from hub.drill.solution import POST_SECONDS, Solution
from hub.drill.stage import Premises
from hub.drill.striking import Scene, kill, striking
from hub.kernel.errors import HubError

SETTLE_LIMIT_SECONDS = 90.0
STARVED_AFTER_SECONDS = 30.0
"""How much longer a sink fails when others have got nothing yet."""
HEALTHY = (*ORDERED, *PLAIN, TO_FUNCTION)
_POLL_SECONDS = 0.05


@dataclass
class Course:
    """How far the drill is."""

    books: Books
    step: str = "starting"
    struck: list[Struck] = field(default_factory=list)
    under_way: Fault | None = None


Show = Callable[[Course], None]


async def apply(asking: Asking, sinks: str) -> None:
    """Apply what the drill needs, and wait until it is served."""
    for document in manifests.applications():
        await asking.ask("applications", "apply", {"document": document})
    await asking.ask("functions", "apply", {"document": manifests.function(f"{sinks}/{TO_FUNCTION}")})
    documents = manifests.subscriptions(sinks)
    for document in documents:
        await asking.ask("subscriptions", "apply", {"document": document})
    await asking.await_ready("functions", 1)
    await asking.await_ready("subscriptions", len(documents))


@asynccontextmanager
async def solutions(
    asking: Asking, premises: Premises, inside: int, books: Books
) -> AsyncIterator[dict[str, Solution]]:
    """Pair the solutions of the edge, connect those inside, and give all by name."""
    clients: dict[str, httpx.AsyncClient] = {}
    found: dict[str, Solution] = {}
    try:
        for name, neighbour in zip(PAIRED, reversed(PAIRED), strict=True):
            offered = await asking.ask("tokens", "create", {"application": name})
            authority, folder = premises.data_dir / "ca.crt", premises.directory / name
            paired = await asyncio.to_thread(pair, str(offered["url"]), folder, ca=authority)
            clients[name] = _client(paired["eventsUrl"].removesuffix(f"/{name}/v1/events"), _context(paired))
            found[name] = Solution(name, clients[name], books, neighbour=neighbour)
        for name in INSIDE:
            clients[name] = _client(f"http://127.0.0.1:{inside}")
            found[name] = Solution(name, clients[name], books)
        yield found
    finally:
        for client in clients.values():
            await client.aclose()


def _context(paired: dict[str, Any]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=paired["ca"])
    context.load_cert_chain(paired["certificate"], paired["key"])
    return context


def _client(address: str, context: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    verify = context or ssl.create_default_context()
    return httpx.AsyncClient(base_url=address, verify=verify, timeout=POST_SECONDS, trust_env=False)


async def perform(course: Course, scene: Scene, faults: Iterator[Fault], ends: float) -> None:
    """Post, strike faults until the time is over, then let everything come to its end.

    Args:
        course: where it is written down.
        scene: what is struck, and who posts.
        faults: the schedule; endless.
        ends: when no further fault may begin, in the books' time.
    """

    def note(subject: str, identifier: str) -> None:
        course.books.dead.add((subject.rpartition(".")[2], identifier))

    reading = asyncio.create_task(letters.follow(scene.asking.session, note))
    posting = [asyncio.create_task(scene.posters[name].run(lanes_of(name))) for name in (*PAIRED, INNER)]
    try:
        course.step = "the first events"
        await _recover(course.books, 0.0)
        course.step = "faults strike"
        for fault in faults:
            await asyncio.sleep(fault.pause_seconds)
            if course.books.now() >= ends or not await _suffer(course, scene, fault):
                break
        course.step = "settling"
        for poster in scene.posters.values():
            poster.stop()
        await asyncio.wait(posting, timeout=SETTLE_LIMIT_SECONDS)  # the audit says what is missing
        await _until(lambda: not course.books.open_ends(), SETTLE_LIMIT_SECONDS)
        for task in (reading, *posting):
            if task.done():
                task.result()  # who failed has not told everything
        course.step = "done"
    finally:
        for task in (reading, *posting):
            task.cancel()


async def _suffer(course: Course, scene: Scene, fault: Fault) -> bool:
    """Strike one fault and wait for the recovery; return whether the hub is there for another one."""
    books, note = course.books, ""
    starved: tuple[str, ...] = ()
    course.under_way, at = fault, books.now()
    try:
        async with striking(scene, fault):
            at = books.now()
            await _last(scene, fault)
            starved = await _starved(books, fault, at)
    except HubError as error:
        note = error.detail.rstrip(".")
    ended = books.now()
    recovered = await _recover(books, ended)
    course.struck.append(Struck(fault, at, ended, recovered, starved, note))
    course.under_way = None
    return recovered is not None


async def _last(scene: Scene, fault: Fault) -> None:
    """Let a fault last, and strike its companion in the middle."""
    await asyncio.sleep(fault.seconds / 2)
    if fault.companion:
        await kill(scene, fault.companion)
    await asyncio.sleep(fault.seconds / 2)


async def _starved(books: Books, fault: Fault, at: float) -> tuple[str, ...]:
    """Return the Subscriptions that get nothing as long as the sink of another one fails.

    That lasts until they have got something; a slow machine is no bad neighbour.
    """
    if fault.kind != "sink":
        return ()
    others = [name for name in HEALTHY if name != fault.target.partition(":")[0]]
    await _until(lambda: all(books.freshest(name) > at for name in others), STARVED_AFTER_SECONDS)
    return tuple(name for name in others if books.freshest(name) <= at)


async def _recover(books: Books, ended: float) -> float | None:
    """Return when every Subscription had got an event accepted after the fault's end; None when that takes too long."""
    fresh = await _until(lambda: all(books.freshest(name) > ended for name in HEALTHY), RECOVERY_LIMIT_SECONDS)
    return books.now() if fresh else None


async def _until(fact: Callable[[], bool], limit_seconds: float) -> bool:
    """Wait for a fact; return whether it came true in time."""
    loop = asyncio.get_running_loop()
    limit = loop.time() + limit_seconds
    while not fact():
        if loop.time() > limit:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True
