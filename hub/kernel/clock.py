"""Time and new ids, handed to the rooms so that tests can hold them still."""

import time
import uuid
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What a room asks for the time and for new ids."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        ...

    def new_id(self) -> str:
        """Return a new UUID v4."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        return time.monotonic()

    def new_id(self) -> str:
        """Return a new UUID v4."""
        return str(uuid.uuid4())


def rfc3339(moment: datetime) -> str:
    """Return a moment as RFC 3339 in UTC, in whole seconds, as Kubernetes writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
