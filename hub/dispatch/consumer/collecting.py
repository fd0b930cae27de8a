"""Before a holder of a lease sends anything: all that others had in hand comes in first, so that no key is overtaken.

What a killed or paused worker had in hand, or what was lost with a connection, nats-server hands out again after a
while, late and out of its place. Until the last of it is here nothing newer may go. How long that takes is not guessed:
nats-server tells how many events are handed out and not done, and they are complete when as many are in hand here.
"""

import asyncio
import time

import structlog

from hub.dispatch.consumer.line import Line
from hub.dispatch.store import Consumers
from hub.kernel.errors import HubError

log = structlog.get_logger()
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.2
_ANSWER_SECONDS = 1.0


async def collect(line: Line, consumers: Consumers, limit_seconds: float) -> None:
    """Wait until every event of a consumer that is not done is in the hand of its line, which lets events come in.

    Args:
        line: of the Subscription.
        consumers: tell how many events are handed out.
        limit_seconds: after which it is given up: rather one key overtaken than all standing still for good.
    """
    limit, pause = time.monotonic() + limit_seconds, _FIRST_PAUSE_SECONDS
    while not await _is_complete(line, consumers):
        if time.monotonic() > limit:
            log.warning("subscription.incomplete", subscription=line.plan.label, in_hand=len(line.in_hand))
            return
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)


async def _is_complete(line: Line, consumers: Consumers) -> bool:
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            found = await consumers.find(line.plan.durable)
    except (HubError, TimeoutError):
        return False
    if found is None:
        return True
    newest = found.delivered.consumer_seq if found.delivered else 0
    return line.is_complete(found.num_ack_pending or 0, newest)
