"""What a soak is asked to do, and the settings that let a day pass in a minute. Pure."""

from dataclasses import dataclass

MEGABYTE = 1024**2
EVENT_BYTES = 1400
"""About what an event of 1 KB takes in the event store, attributes included."""
FILLED_TIMES = 20
"""How often the events of a soak would fill the event store, if it were not cleared."""
LEAST_AGE_SECONDS = 120.0
"""A stream cannot keep less than the time within which it knows a repeated message."""
LEAST_BYTES, MOST_BYTES = 64 * MEGABYTE, 256 * MEGABYTE
"""Room for a minute and a half of 500 events/s that nobody has read yet: a busy machine stalls that long."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `hub bench soak`."""

    minutes: float = 60.0
    rate: float = 500.0
    """Events per second."""
    size: int = 1024
    """Bytes of the data of one event."""
    connections: int = 8
    day_seconds: float = 60.0
    """How long a day lasts: once in it a solution comes and goes, and dead letters are cleared."""
    sample_seconds: float = 10.0

    @property
    def store_bytes(self) -> int:
        """Return how much the event store may hold, so that it is cleared again and again."""
        offered = self.rate * self.minutes * 60 * (EVENT_BYTES + self.size - 1024)
        return int(min(MOST_BYTES, max(LEAST_BYTES, offered / FILLED_TIMES)))

    def settings(self) -> dict[str, str]:
        """Return the settings of the hub: whatever happens hourly, daily or weekly happens within the soak."""
        day = self.day_seconds
        return {
            "HUB_STREAMS__MAX_BYTES": str(self.store_bytes),
            "HUB_STREAMS__JANITOR_SECONDS": "1",
            "HUB_STREAMS__MAX_AGE_HOURS": str(max(7 * day, LEAST_AGE_SECONDS) / 3600),
            "HUB_STREAMS__ATTEMPTS_MAX_AGE_HOURS": str(max(day, LEAST_AGE_SECONDS) / 3600),
            "HUB_STREAMS__DUPLICATE_WINDOW_SECONDS": "30",
            "HUB_REGISTRY__SWEEP_SECONDS": str(day / 4),
            "HUB_REGISTRY__ORPHAN_SECONDS": str(day / 2),
            "HUB_DISPATCH__SWEEP_SECONDS": str(day / 4),
            "HUB_CONNECTOR__TIDY_SECONDS": str(day / 4),
            "HUB_CONNECTOR__CERTIFICATE_DAYS": str(2 * day / 86400),
            "HUB_UP__LOG_LIMIT_BYTES": str(MEGABYTE),
            "HUB_FUNCTIONS__LOG_LIMIT_BYTES": str(MEGABYTE),
        }
