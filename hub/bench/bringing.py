"""What delivery, functions and e2e have in common: post events, and wait until each has arrived at the receiver.

Without a rate the receiver is held back until the events are stored, and then let go: what is timed is how fast a
backlog is brought to it, and ingress has no part in it. With a rate the receiver answers from the beginning and the
time from "post due" to arrival is what counts.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hub.bench import figures, manifests, requests, sources
from hub.bench.bench import Bench, Measured, complaints_of
from hub.bench.driving import Hear, Line
from hub.bench.journal import Arrivals, Journal
from hub.bench.pacing import NANOSECONDS
from hub.bench.plan import Plan
from hub.bench.scenarios.ingress import plan_of
from hub.commands.session import Session
from hub.kernel.errors import UpstreamUnavailable
from hub.kernel.resource import Resource
from hub.up.ports import free_port

READY_SECONDS = 60.0
STALL_SECONDS = 20.0
"""An arrival must come within this time after the one before."""
BACKLOG_BATCH, BACKLOG_BYTES, BACKLOG_CONNECTIONS = 50, 512 * 1024, 8
"""A backlog is stored in batches: that is the quickest way to get one."""
_POLL_SECONDS = 0.05
_APPLIED_AT_ONCE = 16
_ACTIVE = ("Running", "Subscription active")


async def apply_function(bench: Bench, journal: Journal) -> str:
    """Apply the Function that writes the journal and return the sink that means it."""
    runtime = bench.options.runtime
    await apply_functions(bench, [manifests.function(runtime, sources.recording(runtime, journal))])
    return f"http://{manifests.NAME}.{manifests.SCOPE}.svc.cluster.local"


async def apply_functions(bench: Bench, documents: Sequence[dict[str, Any]]) -> None:
    """Apply Functions, some at once, and wait until all there are answer."""
    await apply(bench.session, "functions", documents)
    await await_active(bench.session, "functions")


async def subscribe(bench: Bench, sink: str) -> None:
    """Apply the Subscription and wait until it is served."""
    options = bench.options
    document = manifests.subscription(sink, options.connections * options.batch, batch=options.batch)
    await bench.session.ask("subscriptions", "apply", {"document": document})
    await await_active(bench.session, "subscriptions")


async def surround(bench: Bench, slow: str = "") -> None:
    """Apply the Subscriptions that only stand beside, as many as the options say, and wait until they are served.

    Args:
        bench: the run.
        slow: address of a sink that takes long, for the slow ones.
    """
    address = f"http://127.0.0.1:{free_port()}/nobody"
    own: dict[str, Any] = {"source": requests.APPLICATION, "event_type": requests.TYPE}
    documents = [
        manifests.subscription(address, 1, f"other-{number}", f"app-{number}", f"order.type{number}.v1")
        for number in range(bench.options.others)
    ]
    for name, sink, count in (("dead", address, bench.options.dead), ("slow", slow, bench.options.slow)):
        documents += [manifests.subscription(sink, 10, f"{name}-{number}", **own) for number in range(count)]
    if documents:
        await apply(bench.session, "subscriptions", documents)
        await await_active(bench.session, "subscriptions")


async def apply(session: Session, plural: str, documents: Sequence[dict[str, Any]]) -> None:
    """Apply resources of a kind, some at once."""
    for begin in range(0, len(documents), _APPLIED_AT_ONCE):
        some = documents[begin : begin + _APPLIED_AT_ONCE]
        await asyncio.gather(*(session.ask(plural, "apply", {"document": each}) for each in some))


async def await_active(session: Session, plural: str) -> None:
    """Wait until every resource of a kind is served.

    Raises:
        UpstreamUnavailable: one is not in time; the text holds what they say of themselves.
    """
    limit = time.monotonic() + READY_SECONDS
    while True:
        found = await session.resources(plural)
        if found and all(_is_active(each) for each in found):
            return
        if time.monotonic() > limit:
            said = [each.status.get("conditions", each.status) for each in found]
            raise UpstreamUnavailable(f"The {plural} are not ready after {READY_SECONDS:.0f} s: {said}.")
        await asyncio.sleep(_POLL_SECONDS)


def _is_active(resource: Resource) -> bool:
    """Say whether this very generation of a resource is served; only Functions say of which one they speak."""
    if resource.status.get("observedGeneration", resource.generation) != resource.generation:
        return False
    conditions = resource.status.get("conditions") or []
    return any(each.get("type") in _ACTIVE and str(each.get("status")) == "True" for each in conditions)


async def bring(bench: Bench, journal: Journal, what: str, moment: str) -> Measured:
    """Measure how events come to the receiver that writes the journal.

    Args:
        bench: the run; its Subscription is served.
        journal: where the receiver writes; its gate is shut.
        what: what is counted: deliveries, invocations.
        moment: what an arrival is, for the report.
    """
    if bench.options.rate is None:
        return await _drain(bench, journal, what)
    journal.open_gate()
    result = await bench.load(_plan(bench))
    arrivals = await await_arrivals(bench.hear, journal, result["accepted"])
    latencies = arrivals.latencies(result["begin"])
    seconds = max(0.0, (arrivals.last - result["begin"]) / NANOSECONDS)
    found = measured_of(what, len(latencies), seconds, result, arrivals)
    return replace(found, latency=figures.latency_of(latencies), latency_of=f"post due → {moment}")


async def _drain(bench: Bench, journal: Journal, what: str) -> Measured:
    """Store a backlog, let the receiver go, and time until the last event has arrived."""
    result = await bench.load(_plan(bench), metered=False)
    bench.hear({"phase": "delivering what was stored"})
    bench.meter.begin()
    opened = time.monotonic_ns()
    journal.open_gate()
    arrivals = await await_arrivals(bench.hear, journal, result["accepted"])
    bench.meter.end()
    seconds = max(0.0, (arrivals.last - opened) / NANOSECONDS)
    return measured_of(what, len(arrivals.first), seconds, result, arrivals)


def _plan(bench: Bench) -> Plan:
    options, address = replace(bench.options, batch=1), bench.stage.hub.listeners["internal"]
    if options.rate is None:
        batch = max(1, min(BACKLOG_BATCH, BACKLOG_BYTES // options.size))
        connections = min(options.connections, BACKLOG_CONNECTIONS)
        options = replace(options, batch=batch, connections=connections, warm_up=0.0)
    return plan_of(options, address, "/publish", stamped=True)


async def await_arrivals(hear: Hear, journal: Journal, accepted: int) -> Arrivals:
    """Wait until every accepted event has arrived, or none does any more."""
    seen, heard = -1, time.monotonic()
    while True:
        count = journal.count()
        if count != seen:
            seen, heard = count, time.monotonic()
            hear({"delivered": count, "of": accepted})
            if count >= accepted:
                arrivals = journal.arrivals()
                if len(arrivals.first) >= accepted:
                    return arrivals
        elif time.monotonic() - heard > STALL_SECONDS:
            return journal.arrivals()
        await asyncio.sleep(_POLL_SECONDS)


def measured_of(what: str, events: int, seconds: float, result: Line, arrivals: Arrivals) -> Measured:
    """Return what was found: what was accepted and what arrived must be equal."""
    complaints = complaints_of(result)
    missing = result["accepted"] - len(arrivals.first)
    if missing:
        complaints.append(f"{abs(missing)} {'accepted events did not arrive' if missing > 0 else 'arrivals too many'}.")
    return Measured(
        what=what,
        throughput=events / seconds if seconds else 0.0,
        latency={},
        latency_of="",
        counts={"accepted": result["accepted"], "delivered": len(arrivals.first), "delivered again": arrivals.repeated},
        statuses=result["statuses"],
        measured=events,
        complaints=complaints,
        seconds=seconds,
    )
