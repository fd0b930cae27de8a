"""Looks at the processes and the streams of a hub again and again, and writes each look into a file.

Memory is what a process has made itself: pages that it shares with the one it was forked from count in parts, so the
parts of all are the whole, and pages of files do not count, for other programs on the machine share them or cease to.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from hub.bench.usage import PROC, Pids, anonymous_megabytes, resident_megabytes

Sample = dict[str, Any]


class Sampler:
    """Samples one hub."""

    def __init__(self, file: Path, logs: Path, pids: Callable[[], Pids], js: JetStreamContext) -> None:
        """Prepare.

        Args:
            file: where samples are written.
            logs: the hub's directory of logs.
            pids: asked anew at each look.
            js: the hub's event store.
        """
        self.samples: list[Sample] = []
        self._file = file
        self._logs = logs
        self._pids = pids
        self._js = js
        self._began = time.monotonic()

    async def look(self, counts: Mapping[str, int]) -> Sample:
        """Look once, and write it down with what was counted so far."""
        sample = {
            "at": round(time.monotonic() - self._began, 1),
            "counts": dict(counts),
            "processes": await asyncio.to_thread(_processes, self._pids()),
            "streams": await self._streams(),
            "log_bytes": await asyncio.to_thread(_size_of, self._logs),
        }
        self.samples.append(sample)
        with self._file.open("ab") as file:
            file.write(orjson.dumps(sample) + b"\n")
        return sample

    async def _streams(self) -> dict[str, dict[str, float]]:
        """Return what the event store holds; as it was before, when it does not answer in time."""
        try:
            found = await self._js.streams_info()
        except (NatsError, APIError, TimeoutError):
            return self.samples[-1]["streams"] if self.samples else {}
        return {
            str(each.config.name): {
                "messages": each.state.messages,
                "bytes": each.state.bytes,
                "first": each.state.first_seq,
                "consumers": each.state.consumer_count,
                "limit_bytes": each.config.max_bytes or -1,
                "limit_seconds": each.config.max_age or 0,
            }
            for each in found
        }


def _processes(pids: Pids) -> dict[str, dict[str, float]]:
    return {
        kind: {
            "memory_mb": round(sum(map(anonymous_megabytes, each)), 2),
            "resident_mb": round(sum(map(resident_megabytes, each)), 2),
            "files": sum(map(open_files, each)),
            "threads": sum(map(threads, each)),
            "processes": len(each),
        }
        for kind, each in pids.items()
    }


def _size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder, those that vanish meanwhile left out."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def open_files(pid: int) -> int:
    """Return how many files and sockets a process has open; 0 when it is gone."""
    with suppress(OSError):
        return sum(1 for _ in (PROC / str(pid) / "fd").iterdir())
    return 0


def threads(pid: int) -> int:
    """Return how many threads a process has; 0 when it is gone."""
    with suppress(OSError):
        return sum(1 for _ in (PROC / str(pid) / "task").iterdir())
    return 0
