"""When a target is not called for a while: it left so many calls in a row without an answer. Pure; the clock is given.

Only missing answers count: a target that refuses or fails has answered, and callers must see what it says.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Breaker:
    """Counts the calls of one target that had no answer."""

    failures: int
    """How many in a row open it."""
    open_seconds: float
    counted: int = 0
    until: float = float("-inf")

    @property
    def is_closed(self) -> bool:
        """Say whether calls go through without being asked after."""
        return self.counted < self.failures

    def wait(self, now: float) -> float:
        """Return the seconds to wait before a call; 0 lets it through.

        When the pause is over one call is let through as a probe, the others wait on.
        """
        if self.is_closed:
            return 0.0
        if now < self.until:
            return self.until - now
        self.until = now + self.open_seconds
        return 0.0

    def succeeded(self) -> None:
        """Note an answer, whatever it says."""
        self.counted = 0

    def failed(self, now: float) -> bool:
        """Note a missing answer; says whether this one opened it."""
        self.counted += 1
        if self.counted < self.failures:
            return False
        self.until = now + self.open_seconds
        return self.counted == self.failures
