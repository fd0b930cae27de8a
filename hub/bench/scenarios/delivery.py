"""How fast events are brought to an HTTP sink on this machine, one request per event.

Without --rate: events are stored first, for --seconds, while the sink takes the first deliveries but answers none.
Then it answers, and the time until the last event has arrived gives the rate: it is limited by delivery alone, for
nothing is posted meanwhile, and every event is brought, so none of the work is left out. With --rate: the time from
"post due" to arrival at the sink.

With --others, --dead or --slow there are Subscriptions beside: to other event types, or to the same events at sinks
that take no connection, or take seconds for each answer. The figures are those of the one sink that answers at once;
compared with a run without, they tell what the others cost it.
"""

from contextlib import AsyncExitStack

from hub.bench.bench import Bench, Measured
from hub.bench.bringing import bring, subscribe, surround
from hub.bench.journal import Journal
from hub.bench.sinking import running_sink
from hub.bench.stage import JOURNAL

SLOW_SECONDS = 5
"""How long a slow sink takes for an answer."""


async def run(bench: Bench) -> Measured:
    """Deliver to a sink process."""
    folder = bench.stage.hub.data_dir.parent / JOURNAL
    journal, late = Journal(folder), Journal(folder / "slow")
    journal.prepare()
    async with AsyncExitStack() as stack:
        slow = ""
        if bench.options.slow:
            late.prepare()
            late.open_gate()
            bench.own["slow sink"], slow = await _started(stack, late, str(SLOW_SECONDS))
        await surround(bench, slow)
        bench.own["sink"], address = await _started(stack, journal)
        await subscribe(bench, address)
        return await bring(bench, journal, "deliveries", "received by the sink")


async def _started(stack: AsyncExitStack, journal: Journal, *arguments: str) -> tuple[list[int], str]:
    """Run a sink until the stack ends; returns its pids and its address."""
    pid, port = await stack.enter_async_context(running_sink(journal, *arguments))
    return [pid], f"http://127.0.0.1:{port}/events"
