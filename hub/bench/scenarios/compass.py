"""How fast the hub takes over the applications of a Compass, and what it costs that they are looked at again and again.

The Compass is a process of the benchmark: 1,000 applications with five APIs and five event definitions each. First all
of them are new; then nothing has changed; then one has, and is awaited as the interval brings it.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from contracts import subjects
from hub.bench.bench import Bench, Measured
from hub.bench.director import RUNTIME, name_of, target_of
from hub.bench.driving import lines, say, started
from hub.bench.usage import memory_of
from hub.kernel.errors import NotFound, UpstreamUnavailable
from hub.kernel.resource import RESOURCES, Resource
from hub.kernel.state import View

INTERVAL_SECONDS = 5.0
"""`HUB_COMPASS__INTERVAL_SECONDS` of the benchmark's hub."""
SETTINGS = {"HUB_COMPASS__INTERVAL_SECONDS": str(INTERVAL_SECONDS), "HUB_COMPASS__KEY_BITS": "2048"}
LIMIT_SECONDS = 300.0
_UNCHANGED = 3
_POLL_SECONDS = 0.02
_PLURAL, _SECRET, _SCOPE = subjects.COMPASS_CONNECTIONS, "compass-agent-configuration", "kyma-system"


async def run(bench: Bench) -> Measured:
    """Pair, synchronize, synchronize again, and await a change."""
    number = bench.options.applications
    async with _director(number) as (process, address):
        bench.own["director"] = [process.pid]
        before = memory_of(bench.stage.pids())["total"]
        bench.hear({"phase": f"synchronizing {number} Applications"})
        bench.meter.begin()
        first = await _first(bench, address, number)
        bench.meter.end()
        bench.hear({"phase": "synchronizing again"})
        unchanged = [await _synchronize(bench) for _ in range(_UNCHANGED)]
        bench.hear({"phase": "awaiting a change"})
        changed = await _change(bench, process, number // 2)
        grown = memory_of(bench.stage.pids())["total"] - before
        found = await bench.session.resources(subjects.APPLICATIONS)
    complaints = [] if len(found) == number else [f"Of {number} Applications {len(found)} are there."]
    return Measured(
        what="Applications synchronized at first",
        throughput=number / first,
        latency={},
        latency_of="",
        counts={"at the Director": number, "in the hub": len(found)},
        statuses={},
        measured=number,
        complaints=complaints,
        seconds=first,
        unit="Applications",
        figures={
            "first synchronization, from the pairing on": (first, "s"),
            "synchronization without a change": (statistics.median(unchanged), "s"),
            f"a change until the Application has it, interval {INTERVAL_SECONDS:g} s": (changed, "s"),
            "memory added to the hub": (grown, "MB"),
        },
    )


@asynccontextmanager
async def _director(number: int) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    async with started("hub.bench.director", str(number)) as process:
        async for line in lines(process):
            yield process, str(line["address"])
            return
    raise UpstreamUnavailable("The Compass of the benchmark did not start; what it said stands above.")


async def _first(bench: Bench, address: str, number: int) -> float:
    """Pair, and return the seconds until every application is there."""
    values = {"CONNECTOR_URL": address, "RUNTIME_ID": RUNTIME, "TENANT": "bench", "TOKEN": "first"}
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": _SECRET}, "stringData": values}
    began = time.monotonic()
    await bench.session.ask("secrets", "apply", {"document": document, "scope": _SCOPE})
    while True:
        said = await _state(bench)
        if said.get("connectionState") == "Synchronized":
            return time.monotonic() - began
        if time.monotonic() - began > LIMIT_SECONDS:
            state = said.get("connectionState", "not connected")
            raise UpstreamUnavailable(
                f"{number} Applications are not synchronized after {LIMIT_SECONDS:g} s: {state}."
            )
        await asyncio.sleep(_POLL_SECONDS)


async def _state(bench: Bench) -> dict[str, Any]:
    try:
        told = await bench.session.ask(_PLURAL, "status", {})
    except (NotFound, UpstreamUnavailable):  # it may be busy with the first synchronization
        return {}
    return dict((told["connection"] or {}).get("status") or {})


async def _synchronize(bench: Bench) -> float:
    """Return how long a synchronization takes that is asked for."""
    began = time.monotonic()
    await bench.session.ask(_PLURAL, "synchronize", {"acceptRemovals": False}, timeout_seconds=LIMIT_SECONDS)
    return time.monotonic() - began


async def _change(bench: Bench, director: asyncio.subprocess.Process, number: int) -> float:
    """Change one application, and return the seconds until its Application says so."""
    view: View[Resource] = View(bench.session.js, subjects.APPLICATIONS, RESOURCES)
    view.start()
    try:
        await view.ready()
        began = time.monotonic()
        await say(director, f"{number}\n".encode())
        while target_of(2) not in _targets(view, number):
            if time.monotonic() - began > LIMIT_SECONDS:
                raise UpstreamUnavailable(f"A change at the Director has not come after {LIMIT_SECONDS:g} s.")
            await asyncio.sleep(_POLL_SECONDS)
        return time.monotonic() - began
    finally:
        await view.stop()


def _targets(view: View[Resource], number: int) -> set[str]:
    found = next((each for key, each in view.items() if name_of(number) in key), None)
    services = found.spec.get("services", []) if found else []
    return {str(entry.get("targetUrl")) for service in services for entry in service.get("entries", [])}
