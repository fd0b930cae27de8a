"""What a handler prints, line by line into the Function's log file, each line with the invocation it belongs to.

The process writes the file itself: a handler that prints a gigabyte costs the hub nothing, and the file is turned over
at its limit, so it cannot fill the disk. Descriptors 1 and 2 are the same file, which keeps what C code, child
processes and a dying interpreter write. Runs inside the Function's process: standard library only.
"""

import json
import os
import sys
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from io import TextIOBase
from typing import Any

_LINE_LIMIT = 16_384
_CHECK_EVERY_BYTES = 65_536
SHORTEST_SECRET = 6
"""Characters below which a value is no secret: blotting it out would blot out words."""


class Invocation(threading.local):
    """What the current thread is working on: written beside each line, continued by what it publishes."""

    call = 0
    event = ""
    traceparent = ""
    headers: Mapping[str, str] = {}
    """Of the invocation."""


class LogFile:
    """The log file of a Function; several processes of the same Function may write it."""

    def __init__(self, path: str, limit_bytes: int) -> None:
        """Open the file and make it descriptors 1 and 2."""
        self._path = path
        self._limit_bytes = limit_bytes
        self._unchecked = 0
        self._lock = threading.Lock()
        self._open()

    def _open(self) -> None:
        opened = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, 1)
        os.dup2(opened, 2)
        os.close(opened)

    def write(self, line: bytes) -> None:
        """Append one line; at the limit the file becomes `.1` and a new one is begun."""
        os.write(2, line)
        self._unchecked += len(line)
        if self._unchecked >= _CHECK_EVERY_BYTES:
            with self._lock:
                self._unchecked = 0
                self._turn_over()

    def _turn_over(self) -> None:
        mine = os.fstat(2)
        if mine.st_size < self._limit_bytes:
            return
        try:
            if os.stat(self._path).st_ino == mine.st_ino:  # noqa: PTH116 - pathlib would double the start-up time
                os.replace(self._path, self._path + ".1")  # noqa: PTH105 - the same
        except FileNotFoundError:
            pass
        self._open()


class Begun(threading.local):
    """The line that the current thread has begun."""

    text = ""


class Lines(TextIOBase):
    """A text stream that writes whole lines to the log, told apart by thread."""

    def __init__(self, log: LogFile, stream: str, invocation: Invocation) -> None:
        """Create the stream; `stream` is its name beside each line."""
        self._log = log
        self._stream = stream
        self._invocation = invocation
        self._begun = Begun()

    def writable(self) -> bool:
        """Say that the stream can be written."""
        return True

    def write(self, text: str) -> int:
        """Take text; each finished line goes to the log."""
        begun = self._begun.text + text
        *lines, rest = begun.split("\n")
        if len(rest) > _LINE_LIMIT:
            lines, rest = [*lines, rest], ""
        self._begun.text = rest
        for line in lines:
            self._put(line)
        return len(text)

    def flush(self) -> None:
        """Write the line that has been begun, if any."""
        rest = self._begun.text
        if rest:
            self._begun.text = ""
            self._put(rest)

    def _put(self, line: str) -> None:
        line = _blotted(line)
        shown = line if len(line) <= _LINE_LIMIT else line[:_LINE_LIMIT] + " … (cut)"
        self._log.write(record(self._stream, shown, self._invocation))


def hide(names: Iterable[str]) -> None:
    """Blot the values of these environment variables out of every line from now on, each of their own lines by itself.

    A traceback repeats whatever an error was made with, and the log is read by others than the Function's author.
    """
    values = {part for name in names for part in os.environ.get(name, "").split("\n") if len(part) >= SHORTEST_SECRET}
    _hidden[:] = sorted(values, key=len, reverse=True)


_hidden: list[str] = []


def _blotted(text: str) -> str:
    for value in _hidden:
        text = text.replace(value, "***")
    return text


def record(stream: str, text: str, invocation: Invocation) -> bytes:
    """Return one line of the log file: JSON with the time, the stream and the invocation."""
    fields: dict[str, Any] = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "stream": stream}
    if invocation.call:
        fields["invocation"] = f"{os.getpid()}-{invocation.call}"
    if invocation.event:
        fields["event"] = invocation.event
    if invocation.traceparent:
        fields["trace"] = invocation.traceparent.split("-")[1:2][0] if "-" in invocation.traceparent else ""
    return json.dumps(fields | {"text": text}, ensure_ascii=False).encode(errors="replace") + b"\n"


def capture(log: LogFile, invocation: Invocation) -> None:
    """Send everything printed to the log from now on."""
    sys.stdout = Lines(log, "stdout", invocation)
    sys.stderr = Lines(log, "stderr", invocation)
