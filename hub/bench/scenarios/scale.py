"""What an event costs in a hub that is full of others' things: it must cost what it costs in an empty one.

The same load twice on one hub, each event posted and brought to an HTTP sink: first beside nothing, then beside many
Applications (1,000 unless told otherwise) with ten event types each, as many Subscriptions to these, and a fifth as
many Functions, at rest. Then how long a start with all that takes. Both loads keep the same schedule, so that costs are
compared and not how busy the machine was.
"""

import asyncio
import time
from collections import Counter
from dataclasses import replace
from typing import Any

from contracts import subjects
from hub.bench import manifests, sources
from hub.bench.bench import Bench, Measured, complaints_of, measured_load
from hub.bench.bringing import apply, apply_functions, await_active, await_arrivals, subscribe
from hub.bench.driving import Line
from hub.bench.journal import Journal
from hub.bench.populating import admitted, apply_all, plan_of
from hub.bench.requests import application_name
from hub.bench.scenarios import ingress
from hub.bench.sinking import running_sink
from hub.bench.stage import JOURNAL
from hub.bench.usage import Meter, memory_of
from hub.functions.settings import FunctionsSettings
from hub.kernel.errors import UpstreamUnavailable
from hub.up.ports import free_port

TYPES = 10
"""Event types of each Application."""
FUNCTION_OF = 5
"""There is a Function for so many Applications."""
LIMIT_SECONDS = 300.0
_POLL_SECONDS = 0.1
_CHANNELS = {
    f"order.type{number}.v1": {"subscribe": {"message": {"payload": {"type": "object"}}}} for number in range(TYPES)
}
_SERVICE = {
    "provider": "bench",
    "name": "Orders",
    "description": "Orders",
    "events": {"spec": {"asyncapi": "2.6.0", "info": {"title": "Orders", "version": "1"}, "channels": _CHANNELS}},
}


async def run(bench: Bench) -> Measured:
    """Load the empty hub, fill it, load it again, and start it anew."""
    journal = Journal(bench.stage.hub.data_dir.parent / JOURNAL)
    journal.prepare()
    journal.open_gate()
    async with running_sink(journal) as (pid, port):
        bench.own["sink"] = [pid]
        await subscribe(bench, f"http://127.0.0.1:{port}/events")
        alone = Meter(bench.pids)
        first = await _load(bench, journal, alone)
        before = memory_of(bench.stage.pids())["total"]
        filling = await _fill(bench)
        second = await _load(bench, journal, bench.meter, first["accepted"])
        grown = memory_of(bench.stage.pids())["total"] - before
        arrived = len(journal.arrivals().first)
    bench.meter.close()
    bench.hear({"phase": "starting the hub with everything"})
    restart = await asyncio.to_thread(bench.stage.restart)
    costs = [meter.cpu_per_thousand(load["measured"]) for meter, load in ((alone, first), (bench.meter, second))]
    figures = {
        "CPU per 1,000 events in the empty hub": (costs[0]["total"] * 1000, "ms"),
        "the same in the full one": (costs[1]["total"] * 1000, "ms"),
        "cost of an event against the empty hub": (_ratio(costs[1]["total"], costs[0]["total"]), "times"),
        "p99 in the empty hub": (first["latency"].get("p99", 0.0), "ms"),
        "filling it": (filling, "s"),
        "memory added by what fills it": (grown, "MB"),
        "hub up again until ready, with everything": (restart, "s"),
    }
    return _measured(bench, first, second, arrived, figures)


def _measured(
    bench: Bench, first: Line, second: Line, arrived: int, figures: dict[str, tuple[float, str]]
) -> Measured:
    accepted = first["accepted"] + second["accepted"]
    complaints = complaints_of(first) + complaints_of(second)
    if not complaints and arrived != accepted:
        complaints = [f"{accepted} events were accepted, {arrived} arrived."]
    counts = {"accepted": accepted, "arrived": arrived}
    return replace(
        measured_load(bench.options, second, "events posted and delivered in the full hub", counts),
        statuses=dict(Counter(first["statuses"]) + Counter(second["statuses"])),
        complaints=complaints,
        figures=figures,
    )


async def _load(bench: Bench, journal: Journal, meter: Meter, before: int = 0) -> Line:
    """Post at the rate and wait until everything has arrived."""
    address = bench.stage.hub.listeners["internal"]
    plan = ingress.plan_of(bench.options, address, "/publish", stamped=True, first=before)
    result = await bench.load(plan, meter=meter)
    await await_arrivals(bench.hear, journal, before + result["accepted"])
    return result


async def _fill(bench: Bench) -> float:
    """Make the others' things; returns the seconds it took."""
    began, number = time.monotonic(), bench.options.applications
    bench.hear({"phase": f"registering {number} Applications with {TYPES} event types each"})
    credentials = await ingress.pair_solution(bench)
    await apply_all(bench)
    await admitted(bench, credentials)
    result = await bench.load(plan_of(bench, credentials, _SERVICE, 1), metered=False)
    if result["accepted"] != number:
        raise UpstreamUnavailable(f"Of {number} Applications {result['accepted']} could be registered.")
    await _await_types(bench, number * TYPES)
    bench.hear({"phase": f"applying {number} Subscriptions and {number // FUNCTION_OF} Functions"})
    await apply(bench.session, "subscriptions", _subscriptions(number))
    await await_active(bench.session, "subscriptions")
    source = sources.answering("python", "done")
    names = [f"scale-{each}" for each in range(number // FUNCTION_OF)]
    await apply_functions(bench, [manifests.function("python", source, name, replicas=None) for name in names])
    await _at_rest(bench)
    return time.monotonic() - began


def _subscriptions(number: int) -> list[dict[str, Any]]:
    nobody = f"http://127.0.0.1:{free_port()}/nobody"
    return [
        manifests.subscription(nobody, 1, f"scale-{each}", application_name(each), f"order.type{each % TYPES}.v1")
        for each in range(number)
    ]


async def _await_types(bench: Bench, number: int) -> None:
    limit = time.monotonic() + LIMIT_SECONDS
    while (info := await bench.session.js.stream_info(f"KV_{subjects.EVENT_TYPES}")).state.messages < number:
        if time.monotonic() > limit:
            raise UpstreamUnavailable(f"Of {number} event types {info.state.messages} are in the catalog.")
        await asyncio.sleep(_POLL_SECONDS)


async def _at_rest(bench: Bench) -> None:
    """Wait until no Function has a process: those of a deployment's trial are gone, but for the spare one."""
    limit, spare = time.monotonic() + LIMIT_SECONDS, FunctionsSettings().warm
    while len(bench.stage.pids().get("functions", ())) > spare:
        if time.monotonic() > limit:
            raise UpstreamUnavailable("Functions that nobody calls still run.")
        await asyncio.sleep(_POLL_SECONDS)


def _ratio(this: float, that: float) -> float:
    return this / that if that else 0.0
