"""Which of the traces that begin here are recorded: all while they are few, a bounded number per second else. Pure."""

from collections.abc import Callable


class Sampler:
    """A bucket of permissions that fills steadily and holds those of one second."""

    def __init__(self, per_second: float, share: float, now: Callable[[], float], chance: Callable[[], float]) -> None:
        """Begin with a full bucket.

        Args:
            per_second: traces recorded per second in the long run; fewer than that are all recorded.
            share: of the traces, before the rate bounds them.
            now: seconds that only grow.
            chance: a number from 0 up to 1.
        """
        self._rate = per_second
        self._most = max(1.0, per_second) if per_second else 0.0
        self._share = share
        self._now = now
        self._chance = chance
        self._left = self._most
        self._filled = now()

    def take(self) -> bool:
        """Say whether a trace that begins now is recorded."""
        if self._share < 1 and self._chance() >= self._share:
            return False
        now = self._now()
        self._left = min(self._most, self._left + (now - self._filled) * self._rate)
        self._filled = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
