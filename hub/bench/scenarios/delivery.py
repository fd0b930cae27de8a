"""How fast events are brought to an HTTP sink on this machine, one request per event.

Without --rate: events are stored first, for --seconds, while the sink takes the first deliveries but answers none.
Then it answers, and the time until the last event has arrived gives the rate: it is limited by delivery alone, for
nothing is posted meanwhile, and every event is brought, so none of the work is left out. With --rate: the time from
"post due" to arrival at the sink.

With --others or --dead there are Subscriptions beside: to other event types, or to the same events at sinks that take
no connection. The figures are those of the one sink that answers; compared with a run without, they tell what the
others cost it.
"""

from hub.bench.bench import Bench, Measured
from hub.bench.bringing import bring, subscribe, surround
from hub.bench.driving import lines, started
from hub.bench.journal import Journal
from hub.bench.stage import JOURNAL
from hub.kernel.errors import UpstreamUnavailable


async def run(bench: Bench) -> Measured:
    """Deliver to a sink process."""
    journal = Journal(bench.stage.hub.data_dir.parent / JOURNAL)
    journal.prepare()
    await surround(bench)
    async with started("hub.bench.sink", str(journal.folder)) as sink:
        async for line in lines(sink):
            bench.own["sink"] = [sink.pid]
            await subscribe(bench, f"http://127.0.0.1:{line['port']}/events")
            return await bring(bench, journal, "deliveries", "received by the sink")
    raise UpstreamUnavailable("The sink of the benchmark did not start; what it said stands above.")
