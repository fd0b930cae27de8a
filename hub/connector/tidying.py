"""Removes revocations whose certificates have ended, at the start and again and again.

Several processes may do it at once: removing is repeated safely.
"""

import asyncio

import structlog

from hub.connector.store import Revocations
from hub.kernel.clock import Clock
from hub.kernel.ending import end
from hub.kernel.errors import HubError

log = structlog.get_logger()


class Tidying:
    """Keeps the list of revocations short, from the room's start to its stop."""

    def __init__(self, revocations: Revocations, clock: Clock, pause_seconds: float) -> None:
        """Take what is tidied, and the pause between two looks."""
        self._revocations = revocations
        self._clock = clock
        self._pause_seconds = pause_seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._keep(), name="revocations")

    async def stop(self) -> None:
        """End."""
        await end(self._task)

    async def _keep(self) -> None:
        while True:
            try:
                if forgotten := await self._revocations.forget(self._clock.now()):
                    log.info("revocations.forgotten", number=forgotten)
            except HubError as error:
                log.warning("revocations.kept", error=error.detail)
            await asyncio.sleep(self._pause_seconds)
