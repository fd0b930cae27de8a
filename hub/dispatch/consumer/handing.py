"""Which events of a consumer came here, where all should: nats-server numbers what it hands out, without gaps. Pure.

A worker that was paused may have asked before its lease ran out, and nats-server answers it. What went there comes here
later, and newer events wait for it.
"""

from collections.abc import Iterable

from hub.dispatch.consumer.reading import handing_of


class HandingOut:
    """Follows the numbers of what is handed out."""

    def __init__(self) -> None:
        """Begin before the first one."""
        self._last: int | None = None
        self._missing = 0

    def note(self, reply: str) -> bool:
        """Take what came in; returns whether something was handed to somebody else since the last one came here."""
        before, self._last = self._last, handing_of(reply)
        if before is None or self._last <= before + 1:
            return False
        self._missing = self._last - 1
        return True

    def is_complete(self, replies: Iterable[str], handed_out: int, newest: int) -> bool:
        """Return whether everything that was handed out and is not done is in hand here.

        Args:
            replies: of what is in hand.
            handed_out: how many events nats-server counts as such.
            newest: number of the newest handing-out at that moment; what came after it is not counted.
        """
        in_hand = sum(handing_of(reply) <= newest for reply in replies)
        if in_hand < handed_out or newest < self._missing:
            return False
        self._last = max(self._last or 0, newest)
        return True
