"""The circuit breaker of one Subscription: closed, open, half-open. Pure: the time comes in as a number.

It judges the last `min_requests` attempts. When the share of failures among them reaches the limit it opens, and no
attempt is made for a while; then one probe decides whether it closes or opens again. The first pause is short, because
one crash may fail everything in hand at once; each further one is twice as long, up to the rule's. Failures are answers
that say something about the sink - none, or one that may pass; a refusal of the event itself proves that the sink is
there.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

State = Literal["closed", "open", "half-open"]
WARNING_LEVELS = (50, 70, 90)
"""Per cent of the failures that open it, at which a warning is due."""
FIRST_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When to open, and for how long."""

    failure_ratio: float = 0.5
    min_requests: int = 20
    open_seconds: float = 30.0
    """The longest pause."""

    @property
    def limit(self) -> int:
        """Return how many of the last attempts must have failed."""
        return max(1, int(self.failure_ratio * self.min_requests + 0.999999))


@dataclass(slots=True)
class Breaker:
    """Follows the attempts of one Subscription in one process."""

    rule: BreakerRule | None
    """None: never opens."""
    state: State = "closed"
    opened_at: float = 0.0
    warned: int = 0
    """The highest warning level that was reached and not left since."""
    failures: int = 0
    """Among the last attempts."""
    pauses: int = 0
    """How often it opened since the sink was last in order for `min_requests` attempts."""
    _last: deque[bool] = field(default_factory=deque)

    def allowed(self, limit: int) -> int:
        """Return how many attempts may be under way at once, of so many slots."""
        if self.state == "closed":
            return limit
        return 0 if self.state == "open" else min(1, limit)

    def seconds_to_probe(self, now: float) -> float:
        """Return how long an open breaker stays so."""
        if self.rule is None:
            return 0.0
        pause = min(self.rule.open_seconds, FIRST_PAUSE_SECONDS * 2.0 ** min(self.pauses - 1, 60))
        return max(0.0, self.opened_at + pause - now)

    def record(self, *, failed: bool, now: float) -> bool:
        """Note how an attempt ended; returns whether the state changed.

        What was under way when it opened says nothing new.
        """
        if self.rule is None or self.state == "open":
            return False
        if self.state == "half-open":
            return self._open(now) if failed else self._close()
        self._last.append(failed)
        self.failures += failed
        if len(self._last) > self.rule.min_requests:
            self.failures -= self._last.popleft()
        if len(self._last) < self.rule.min_requests:
            return False
        if self.failures and self.failures >= self.rule.limit:
            return self._open(now)
        self.pauses = 0
        return False

    def find_warning(self) -> int | None:
        """Return a warning level that has just been reached, in per cent; None when there is no news."""
        if self.rule is None or self.state != "closed" or not (self.failures or self.warned):
            return None
        share = 100 * self.failures / self.rule.limit
        level = max((level for level in WARNING_LEVELS if share >= level), default=0)
        is_news, self.warned = level > self.warned, level
        return level if is_news else None

    def wait_over(self, now: float) -> bool:
        """Turn an open breaker half-open when its time is over; returns whether it did."""
        if self.state != "open" or self.seconds_to_probe(now) > 0:
            return False
        self.state = "half-open"
        return True

    def _open(self, now: float) -> bool:
        self._forget()
        self.state, self.opened_at, self.pauses = "open", now, self.pauses + 1
        return True

    def _close(self) -> bool:
        self._forget()
        self.state = "closed"
        return True

    def _forget(self) -> None:
        self._last.clear()
        self.failures = self.warned = 0
