"""Tells the catalog which event types are posted that no catalog knows: one summary every few seconds.

A report that could not be stored is sent again under its number, so that the catalog counts it once.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from contracts import subjects
from contracts.catalog.v1 import EventTypesObserved, ObservedType
from contracts.envelope import Contract
from hub.ingress.expectations import Expectations
from hub.kernel.clock import Clock
from hub.kernel.errors import HubError

log = structlog.get_logger()
Publish = Callable[[Contract], Awaitable[None]]


class Reporter:
    """Reports what the endpoints of this process counted."""

    def __init__(self, expectations: Expectations, publish: Publish, clock: Clock, seconds: float) -> None:
        """Prepare; `start` begins to report."""
        self._expectations = expectations
        self._publish = publish
        self._clock = clock
        self._seconds = seconds
        self._name = clock.new_id()
        self._number = 0
        self._unsaid: EventTypesObserved | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to report."""
        self._task = asyncio.create_task(self._work(), name="ingress-unknown-types")

    async def stop(self) -> None:
        """Report the rest and stop."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def _work(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._seconds)
            try:
                await self._report()
            except HubError as error:
                log.warning("unknown_types.unreported", error=error.detail)

    async def _report(self) -> None:
        if self._unsaid is None:
            self._unsaid = self._summary()
        if self._unsaid is not None:
            await self._publish(self._unsaid)
            self._unsaid = None

    def _summary(self) -> EventTypesObserved | None:
        counted, further = self._expectations.take_missed()
        if not counted and not further:
            return None
        now = self._clock.now()
        self._number += 1
        places = ((subjects.read_event(subject.decode()), count) for subject, count in counted.items())
        types = tuple(
            ObservedType(application=source, type=event_type, count=count, last=now)
            for (source, event_type), count in places
        )
        return EventTypesObserved(reporter=self._name, number=self._number, types=types, further=further)
