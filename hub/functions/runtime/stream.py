"""An answer that comes in parts, between the process that makes it and the caller that reads it. Does I/O (asyncio).

The process may run ahead of the caller by a window; each part that is handed on gives it new credit. So a slow caller
holds up neither the hub's memory nor the other calls of the same process.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from hub.kernel.errors import HubError

Credit = Callable[[int], None]
"""Told how many bytes have been handed on."""


class Stream:
    """The rest of an answer."""

    def __init__(self, credit: Credit, cancel: Callable[[], None]) -> None:
        """Start empty; `cancel` is called when the caller has gone before the end."""
        self._credit = credit
        self._cancel = cancel
        self._parts: deque[bytes] = deque()
        self._more = asyncio.Event()
        self._error: HubError | None = None
        self.over = False

    def push(self, part: bytes) -> None:
        """Take the next part."""
        self._parts.append(part)
        self._more.set()

    def finish(self, error: HubError | None = None) -> None:
        """Say that no part follows; with an error, that the rest is lost."""
        if not self.over:
            self.over = True
            self._error = error
            self._more.set()

    def close(self) -> None:
        """Want no more: the process is told to stop."""
        if not self.over:
            self.finish()
            self._cancel()
        self._parts.clear()

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the parts as they come.

        Raises:
            UpstreamUnavailable: the process ended, or the handler failed, in the middle.
        """
        return self._parts_as_they_come()

    async def _parts_as_they_come(self) -> AsyncIterator[bytes]:
        try:
            while self._parts or not self.over:
                if not self._parts:
                    self._more.clear()
                    await self._more.wait()
                    continue
                part = self._parts.popleft()
                yield part
                self._credit(len(part))
            if self._error is not None:
                raise self._error
        finally:
            self.close()
