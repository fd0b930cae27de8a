"""Which of the traces that begin here are recorded: all while they are few, a bounded number per second else. Pure.

Asked for every event that brings no trace: under load the answer is one look at the clock.
"""

from collections.abc import Callable

_NEVER = float("inf")


class Sampler:
    """Permissions that come steadily; those of one second may be used at once."""

    def __init__(self, per_second: float, share: float, now: Callable[[], float], chance: Callable[[], float]) -> None:
        """Begin with the permissions of one second, or one.

        Args:
            per_second: traces recorded per second in the long run; fewer than that are all recorded.
            share: of the traces, before the rate bounds them.
            now: seconds that only grow.
            chance: a number from 0 up to 1.
        """
        self._pause = 1 / per_second if per_second else _NEVER
        self._ahead = max(0.0, per_second - 1) * self._pause if per_second else 0.0
        self._share = share
        self._now = now
        self._chance = chance
        self._due = now()
        """When all permissions that were used would have come one by one."""
        self._earliest = self._due if per_second else _NEVER

    def take(self) -> bool:
        """Say whether a trace that begins now is recorded."""
        now = self._now()
        if now < self._earliest or (self._share < 1 and self._chance() >= self._share):
            return False
        self._due = max(self._due, now) + self._pause
        self._earliest = self._due - self._ahead
        return True
