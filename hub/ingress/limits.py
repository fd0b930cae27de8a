"""How much one application may post: a token bucket each, so that one solution cannot crowd out the others. Pure."""

from hub.ingress.settings import Allowance
from hub.kernel.errors import BodyTooLarge, TooManyRequests

_KEPT = 10_000


class Limit:
    """The allowance of one application in one process."""

    def __init__(self, name: str, allowance: Allowance) -> None:
        """Begin with a full bucket."""
        self._name = name
        self._rate = allowance.events_per_second
        self._most = float(max(allowance.burst or self._rate or 1, 1))
        self._bytes = allowance.event_bytes
        self._tokens = self._most
        self._since: float | None = None

    def take(self, count: int, now: float) -> None:
        """Take events off the allowance.

        Args:
            count: how many; more than the burst never fit and are refused for good.
            now: seconds on a clock that only goes forward.

        Raises:
            TooManyRequests: saying when enough has come together again.
        """
        if self._rate is None:
            return
        if self._since is not None:
            self._tokens = min(self._most, self._tokens + (now - self._since) * self._rate)
        self._since = now
        if count > self._most:
            raise BodyTooLarge(f"'{self._name}' may post at most {self._most:.0f} events at once; split the batch.")
        if count > self._tokens:
            wait = (count - self._tokens) / self._rate
            raise TooManyRequests(
                f"'{self._name}' may post {self._rate:g} events per second; go on in {wait:.1f} s.",
                retry_after_seconds=wait,
            )
        self._tokens -= count

    def check_size(self, size: int) -> None:
        """Check the size of one event's data, in bytes.

        Raises:
            BodyTooLarge: it is above the allowance.
        """
        if self._bytes is not None and size > self._bytes:
            raise BodyTooLarge(f"'{self._name}' may post events of at most {self._bytes} bytes; this one has {size}.")


class Limits:
    """The limits of all applications: those named in the settings, and what holds for every other one."""

    def __init__(self, everyone: Allowance, named: dict[str, Allowance]) -> None:
        """Take the allowances."""
        self._everyone, self._named = everyone, named
        self._limits: dict[str, Limit | None] = {}

    def of(self, application: str | None) -> Limit | None:
        """Return the limit of an application; None when it has none."""
        if application is None:
            return None
        if application not in self._limits:
            if len(self._limits) >= _KEPT:
                self._limits.clear()
            allowance = self._named.get(application, self._everyone)
            free = allowance.events_per_second is None and allowance.event_bytes is None
            self._limits[application] = None if free else Limit(application, allowance)
        return self._limits[application]
