"""Ticks at the moments a schedule asks for, more exactly than an event loop can.

Event loops round their timers to a millisecond, which would be measured as latency of the hub. A thread that sleeps
until the next moment and wakes the loop through a socket is on time to some tens of microseconds.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Callable

NANOSECONDS = 1_000_000_000
SHORTEST_TICK = NANOSECONDS // 2000


class Pacer:
    """Calls a function in the event loop at each tick."""

    def __init__(self, interval_nanoseconds: int, tick: Callable[[], None]) -> None:
        """Prepare; ticks closer than half a millisecond are taken together."""
        self._interval = max(interval_nanoseconds, SHORTEST_TICK)
        self._tick = tick
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to tick."""
        asyncio.get_running_loop().add_reader(self._reader, self._woken)
        self._thread.start()

    def stop(self) -> None:
        """Tick no more."""
        self._stopped.set()
        self._thread.join()
        asyncio.get_running_loop().remove_reader(self._reader)
        self._reader.close()
        self._writer.close()

    def _woken(self) -> None:
        self._reader.recv(4096)
        self._tick()

    def _run(self) -> None:
        due = time.monotonic_ns()
        while not self._stopped.is_set():
            due += self._interval
            time.sleep(max(0.0, (due - time.monotonic_ns()) / NANOSECONDS))
            try:
                self._writer.send(b".")
            except BlockingIOError:
                continue  # the loop has ticks enough waiting: it sends everything that is due at the next one
