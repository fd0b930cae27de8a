"""Says of events whose Functions take long that they are still at work: whoever waits tells that from a dead worker.

Without it the events in the hand of a killed worker, and those whose answer was lost with a connection, would wait for
the whole time limit of their delivery.
"""

import asyncio

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from contracts.calls import AT_WORK, SIGN_SECONDS
from hub.kernel.ending import end

log = structlog.get_logger()


class Signs:
    """Requests that are not answered to the end, and the clock that gives a sign of life of each."""

    def __init__(self, client: Client) -> None:
        """Prepare; `start` begins."""
        self._client = client
        self._open: dict[str, int] = {}
        self._long: set[str] = set()
        self._clock: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._clock = asyncio.create_task(self._run(), name="function-signs")

    def begin(self, reply: str, calls: int) -> None:
        """Take a request with so many calls in hand."""
        self._open[reply] = calls

    def answered(self, reply: str) -> None:
        """Notice the answer to one of its calls."""
        calls = self._open.get(reply, 0) - 1
        if calls > 0:
            self._open[reply] = calls
        else:
            self._open.pop(reply, None)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(SIGN_SECONDS)
            for reply in self._long & self._open.keys():
                try:
                    await self._client.publish(reply, AT_WORK)
                except NatsError as error:
                    log.debug("sign.lost", error=repr(error))
            self._long = set(self._open)

    async def stop(self) -> None:
        """End."""
        await end(self._clock)
