"""An answer in parts, as the Function's process sends it: never further ahead of the hub than the window.

Runs inside the Function's process: standard library only.
"""

import threading
from collections.abc import Callable, Iterator

from hub.functions.runtime import frames
from hub.functions.runtime.frames import Frame

_PART_BYTES = 65_536


class StoppedError(Exception):
    """The caller wants no more."""


class Flow:
    """The way of one call's parts to the hub."""

    def __init__(self, call: int, send: Callable[[bytes], None]) -> None:
        """Start with a whole window."""
        self._call = call
        self._send = send
        self._window = frames.WINDOW_BYTES
        self._changed = threading.Condition()
        self._stopped = False

    def take(self, frame: Frame) -> None:
        """Take what the hub says about this call: more credit, or that it wants no more."""
        with self._changed:
            if frame.kind == frames.CREDIT:
                self._window += int(frame.header)
            else:
                self._stopped = True
            self._changed.notify()

    def send(self, content: bytes) -> None:
        """Send a part as soon as there is room for it.

        Raises:
            StoppedError: the caller wants no more.
        """
        for part in _parts(content):
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._window > 0)
                if self._stopped:
                    raise StoppedError
                self._window -= len(part)
            self._send(frames.encode(Frame(frames.CHUNK, self._call, b"", part)))


def _parts(content: bytes) -> Iterator[bytes]:
    for at in range(0, len(content), _PART_BYTES):
        yield content[at : at + _PART_BYTES]
