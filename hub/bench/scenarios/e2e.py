"""How long it takes from the moment a post was due to the start of the Function's handler, at a given rate.

The whole way of an event: request, stream, Subscription, call. Posted one by one at --rate (500 by default), in the
open: a hub that stalls is charged for every event that was due meanwhile.
"""

from hub.bench.bench import Bench, Measured
from hub.bench.scenarios import functions


async def run(bench: Bench) -> Measured:
    """Call a Function at the rate of the options."""
    return await functions.run(bench)
