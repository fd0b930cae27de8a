"""What the supervisor sleeps on: notices, signals, deaths of children, the end of whoever started it."""

import os
import selectors
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

POLL_SECONDS = 0.1  # where the kernel has no descriptor for a process

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Wakeups:
    """A selector and the descriptors that belong to it."""

    def __init__(self) -> None:
        """Create it with nothing but the means to be woken by `wake`."""
        self._selector = selectors.DefaultSelector()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._selector.register(self._reader, selectors.EVENT_READ, self._drain)
        self._children: dict[int, int] = {}
        self._handlers: dict[signal.Signals, Any] = {}

    def on_readable(self, descriptor: int, call: Callable[[], None]) -> None:
        """Call back when a descriptor can be read."""
        self._selector.register(descriptor, selectors.EVENT_READ, call)

    def on_end(self, pipe: int, call: Callable[[], None]) -> None:
        """Call back once when the other end of a pipe is closed."""

        def ended() -> None:
            self._selector.unregister(pipe)
            call()

        self._selector.register(pipe, selectors.EVENT_READ, ended)

    def on_signals(self, call: Callable[[signal.Signals], None]) -> None:
        """Call back for each stopping signal; only the main thread gets signals, elsewhere nothing is arranged."""
        if threading.current_thread() is not threading.main_thread():
            return

        def handle(number: int, _frame: FrameType | None) -> None:
            call(signal.Signals(number))
            self.wake()

        self._handlers = {number: signal.signal(number, handle) for number in STOPPING}

    def watch(self, pid: int) -> None:
        """Wake up when a child dies."""
        if sys.platform != "linux":
            return
        with suppress(OSError):  # an old kernel: polled
            self._children[pid] = os.pidfd_open(pid)
            self._selector.register(self._children[pid], selectors.EVENT_READ, _nothing)

    def forget(self, pid: int) -> None:
        """Stop watching a child that was reaped."""
        descriptor = self._children.pop(pid, None)
        if descriptor is not None:
            self._selector.unregister(descriptor)
            os.close(descriptor)

    def wait(self, seconds: float | None, *, children: int) -> None:
        """Sleep until something happens or the time is up.

        Args:
            seconds: longest sleep, None for any.
            children: how many run; those that cannot be watched are polled.
        """
        if children > len(self._children):
            seconds = POLL_SECONDS if seconds is None else min(seconds, POLL_SECONDS)
        for key, _ in self._selector.select(seconds):
            key.data()

    def wake(self) -> None:
        """End the current or next sleep at once; may be called by a signal handler or another thread."""
        with suppress(BlockingIOError):
            os.write(self._writer, b"!")

    def close(self) -> None:
        """Give everything back, the former signal handlers too."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        for pid in list(self._children):
            self.forget(pid)
        self._selector.close()
        os.close(self._reader)
        os.close(self._writer)

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._reader, 4096):
                pass


def _nothing() -> None:
    """Waking up was all."""
