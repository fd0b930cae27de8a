"""How long to wait before the next attempt. Pure: the random part comes in as a number.

Jitter only shortens a pause: the limit holds exactly, and many deliveries that failed together do not all come back
together at the limit.
"""

from dataclasses import dataclass
from typing import Literal

Policy = Literal["exponential", "linear", "schedule"]
# The largest power of two that a float holds; past it the pause is at its limit anyway.
_LARGEST_EXPONENT = 1023


@dataclass(frozen=True, slots=True)
class Backoff:
    """A rule for pauses: doubling, growing by the same step, or a list whose last entry repeats."""

    policy: Policy = "exponential"
    initial_seconds: float = 1.0
    max_seconds: float = 300.0
    jitter: float = 0.2
    """Share of a pause that chance may take away: 0 none, 1 all of it."""
    schedule: tuple[float, ...] = ()
    """Pauses in seconds, for the policy `schedule`."""

    def wait(self, attempt: int, random: float = 0.0) -> float:
        """Return the pause after an attempt, in seconds; finite and within the limit for any attempt.

        Args:
            attempt: the attempt that just failed, counted from 1.
            random: a number from 0 up to 1; 0 is the longest pause.

        Raises:
            ValueError: attempt below 1.
        """
        if attempt < 1:
            raise ValueError(f"attempts are counted from 1, not {attempt}")
        return self._longest(attempt) * (1.0 - self.jitter * random)

    def _longest(self, attempt: int) -> float:
        if self.policy == "schedule":
            return self.schedule[min(attempt, len(self.schedule)) - 1] if self.schedule else 0.0
        if self.policy == "linear":
            return min(self.max_seconds, self.initial_seconds * float(min(attempt, 2**_LARGEST_EXPONENT)))
        return min(self.max_seconds, self.initial_seconds * 2.0 ** min(attempt - 1, _LARGEST_EXPONENT))
