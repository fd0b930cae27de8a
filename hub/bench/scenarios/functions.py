"""How fast a Function is called by its Subscription, on this machine.

Like delivery, with a Function in place of the sink: without --rate its first calls wait until the events are stored,
then the backlog is worked off; with --rate the time from "post due" to the start of the handler counts.
"""

from hub.bench.bench import Bench, Measured
from hub.bench.bringing import apply_function, bring, subscribe
from hub.bench.journal import Journal
from hub.bench.stage import JOURNAL


async def run(bench: Bench) -> Measured:
    """Call a Function that writes down when it is started."""
    journal = Journal(bench.stage.hub.data_dir.parent / JOURNAL)
    journal.prepare()
    await subscribe(bench, await apply_function(bench, journal))
    return await bring(bench, journal, "invocations", "handler started")
