"""The time limits of many calls, kept by one timer. Does I/O (asyncio).

Nearly every call is over long before its limit: to set and cancel a timer for each costs more than to look through
those in hand when one of them may be late.
"""

import asyncio
from collections.abc import Callable, Iterable
from math import inf

_EARLY_SECONDS = 0.001
"""A timer may fire as much before its time."""


class Deadlines:
    """Has somebody look for what is late."""

    def __init__(self, look: Callable[[float], Iterable[float]]) -> None:
        """Wait for the first one.

        Args:
            look: ends what must be over by a moment of the event loop, and returns the limits of the rest.
        """
        self._look = look
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._at = inf

    def note(self, until: float) -> None:
        """Have it looked at that moment, unless that happens before anyway."""
        if until < self._at:
            self.close()
            self._at = until
            self._timer = self._loop.call_at(until, self._due)

    def _due(self) -> None:
        self._timer, self._at = None, inf
        rest = self._look(self._loop.time() + _EARLY_SECONDS)
        self.note(min(rest, default=inf))

    def close(self) -> None:
        """Have nothing looked at any more."""
        self._at = inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
