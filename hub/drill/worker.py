"""A process of the hub as the drill runs it: `python -m hub.drill.worker STORE_PORT CLOCK_FILE run ROOM...`.

It reaches the event store through the drill's proxy, and its clock can be moved: Python's wall clock, which is what
the hub reads. The monotonic clock goes on, as it does when an administrator or NTP moves a machine's clock. That of
nats-server and of OpenSSL stays: moving them would take root.
"""

import json
import mmap
import os
import struct
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from hub.kernel.broker import CONNECTION_FILE
from hub.kernel.clock import SystemClock

OFFSET = struct.Struct("d")
"""The clock file: seconds to be added, in the machine's own byte order."""


def write_offset(file: Path, seconds: float) -> None:
    """Move the clocks of all processes; the file keeps its place, for they have mapped it."""
    with file.open("r+b" if file.exists() else "w+b") as opened:
        opened.write(OFFSET.pack(seconds))


def move_clock(file: Path) -> None:
    """Let this process see a wall clock that is off by what the file says now."""
    with file.open("rb") as opened:
        mapped = mmap.mmap(opened.fileno(), OFFSET.size, access=mmap.ACCESS_READ)
    real = time.time

    def moved() -> float:
        return real() + float(OFFSET.unpack_from(mapped)[0])

    def now(self: SystemClock) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=OFFSET.unpack_from(mapped)[0])

    time.time = moved
    SystemClock.now = now  # type: ignore[method-assign]  # the whole point


def through(port: int, data_dir: Path) -> str:
    """Return the address of the event store by way of another port."""
    parts = urlsplit(str(json.loads((data_dir / CONNECTION_FILE).read_text())["url"]))
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}"))


def main() -> None:
    """Be the worker that the arguments name."""
    port, clock, *words = sys.argv[1:]
    os.environ["HUB_NATS__URL"] = through(int(port), Path(os.environ["HUB_DATA_DIR"]))
    move_clock(Path(clock))
    sys.argv = ["hub", *words]
    from hub.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
