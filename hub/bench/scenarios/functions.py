"""How fast a Function is called on this machine, by its Subscription or over HTTP, and what it takes to have Functions.

By events it is like delivery, with a Function in place of the sink: without --rate its first calls wait until the
events are stored, then the backlog is worked off; with --rate the time from "post due" to the start of the handler
counts. Over HTTP the handler does nothing but answer. Then, on the same hub: cold start, change, and with --functions
the memory of many.
"""

from dataclasses import replace

from hub.bench import manifests, sources, starting
from hub.bench.bench import Bench, Measured
from hub.bench.bringing import apply_function, apply_functions, bring, subscribe
from hub.bench.calling import call
from hub.bench.journal import Journal
from hub.bench.stage import JOURNAL


async def run(bench: Bench) -> Measured:
    """Call a Function, then time starts and read memory."""
    measured = await (_by_http(bench) if bench.options.by == "http" else _by_event(bench))
    bench.meter.close()
    return replace(measured, figures={**await starting.starts(bench), **await starting.memory(bench)})


async def _by_event(bench: Bench) -> Measured:
    """Call a Function that writes down when it is started."""
    journal = Journal(bench.stage.hub.data_dir.parent / JOURNAL)
    journal.prepare()
    await subscribe(bench, await apply_function(bench, journal))
    return await bring(bench, journal, "invocations", "handler started")


async def _by_http(bench: Bench) -> Measured:
    runtime = bench.options.runtime
    await apply_functions(bench, [manifests.function(runtime, sources.answering(runtime, "done"))])
    return await call(bench.options, bench.load, bench.stage.hub.listeners["internal"])
