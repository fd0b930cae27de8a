"""Runs one drill: the stage, the proxies, the receivers, the hub; then the audit, and what is left of it all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from hub import __version__
from hub.commands.session import connected
from hub.demo.asking import Asking
from hub.drill import audit
from hub.drill.audit import Struck
from hub.drill.books import Books
from hub.drill.drill import Course, Show, apply, perform, solutions
from hub.drill.proxy import FaultProxy
from hub.drill.receiver import Receivers
from hub.drill.schedule import faults
from hub.drill.stage import Premises, furnish, new_premises
from hub.drill.striking import Scene
from hub.kernel.errors import HubError
from hub.up.client import RunningHub, remove, start_hub
from hub.up.paths import Paths
from hub.up.server import kept_port

RECORD = "drill.json"
SHOW_SECONDS = 0.25
START_SECONDS = 60.0
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    seed: int
    minutes: float
    kinds: tuple[str, ...]
    keep: bool = False


def drill(options: Options, show: Show) -> Document:
    """Run the drill and return the machine-readable result; its directory is gone unless it has something to tell.

    Raises:
        HubError: it could not be run at all.
    """
    premises = new_premises()
    held = False
    try:
        course = Course(Books())
        failure = asyncio.run(_run(options, premises, course, show))
        document = document_of(options, premises, course, failure)
        held = document["held"]
        if not held:
            (premises.directory / RECORD).write_bytes(orjson.dumps(document | {"books": _books_of(course.books)}))
    except KeyboardInterrupt:
        held = True  # nothing failed, so nothing is left to be explained
        raise
    finally:
        if held and not options.keep:
            remove(premises.directory)
    return document


async def _run(options: Options, premises: Premises, course: Course, show: Show) -> str:
    """Run it; return what ended it early, nothing when it came to its end."""
    showing = asyncio.create_task(_show_often(course, show))
    try:
        async with _furnished(premises, course) as scene:
            ends = course.books.now() + options.minutes * 60
            await perform(course, scene, faults(options.seed, options.kinds), ends)
    except HubError as error:
        if not course.struck:
            raise
        return error.detail
    finally:
        showing.cancel()
        show(course)
    return ""


@asynccontextmanager
async def _furnished(premises: Premises, course: Course) -> AsyncIterator[Scene]:
    """Start everything that the drill needs and end it afterwards."""
    receivers = Receivers(course.books)
    await receivers.start()
    ports: dict[str, int] = {}
    store = Paths(premises.data_dir)
    proxies = {
        "edge": FaultProxy(lambda: ports["edge"]),
        "store": FaultProxy(lambda: kept_port(store) or 0),
        "sinks": FaultProxy(lambda: receivers.port),
    }
    async with AsyncExitStack() as stack:
        stack.callback(receivers.stop)
        for proxy in proxies.values():
            await proxy.start()
            stack.callback(proxy.stop)
        ports.update(furnish(premises, proxies["edge"].port, proxies["store"].port))
        hub = await _started(premises)
        stack.push_async_callback(asyncio.to_thread, hub.stop)
        asking = Asking(await stack.enter_async_context(connected("hub drill")))
        course.step = "applying manifests"
        await apply(asking, f"http://127.0.0.1:{proxies['sinks'].port}")
        posters = await stack.enter_async_context(solutions(asking, premises, ports["internal"], course.books))
        yield Scene(premises, hub, asking, receivers, proxies, posters)


async def _started(premises: Premises) -> RunningHub:
    return await asyncio.to_thread(start_hub, premises.data_dir, limit_seconds=START_SECONDS)


async def _show_often(course: Course, show: Show) -> None:
    while True:
        show(course)
        await asyncio.sleep(SHOW_SECONDS)


def document_of(options: Options, premises: Premises, course: Course, failure: str = "") -> Document:
    """Return the machine-readable result."""
    found = audit.findings(course.books, course.struck)
    complaints = [str(finding) for finding in found]
    if failure:
        complaints.insert(0, f"The drill ended early: {failure}")
    held = not complaints
    return {
        "held": held,
        "complaints": complaints,
        "seed": options.seed,
        "minutes": options.minutes,
        "faults": list(options.kinds),
        "version": __version__,
        "figures": audit.figures(course.books, course.struck),
        "struck": [_struck(each) for each in course.struck],
        "kept": None if held and not options.keep else str(premises.directory),
    }


def _struck(each: Struck) -> Document:
    recovery = each.recovery_seconds
    times = {"at": round(each.at, 2), "ended": round(each.ended, 2)}
    told = {"recovery_seconds": None if recovery is None else round(recovery, 2)}
    return each.fault.as_document() | times | told | {"starved": list(each.starved), "note": each.note}


def _books_of(books: Books) -> Document:
    """Return everything that was seen, for who looks for the cause."""
    return {
        "accepted": [
            {"id": id_, "label": each.event.label, "at": each.at, "place": each.place, "posts": each.posts}
            for id_, each in books.accepted.items()
        ],
        "arrivals": [asdict(arrival) for arrival in books.arrivals],
        "dead": sorted(books.dead),
        "refused": books.refused,
    }


def log_of(kept: str) -> Path:
    """Return where the logs of a kept drill are."""
    return Premises(Path(kept)).data_dir / "log"
