"""CPU time and memory of processes, read from /proc; on systems without it there are no such figures.

Resident memory counts what processes share once for each of them, so a total is an upper bound, as `ps` shows it.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from hub.bench.figures import per_thousand

PROC = Path("/proc")
SAMPLE_SECONDS = 0.2
MEGABYTE = 1_000_000
Pids = Mapping[str, list[int]]
"""The pids of each kind of process."""


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used, in user and system mode; 0 when it is gone."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def resident_megabytes(pid: int) -> float:
    """Return the resident memory of a process in MB (10^6 bytes); 0 when it is gone."""
    with suppress(OSError, IndexError):
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MEGABYTE
    return 0.0


def own_megabytes(pid: int) -> float:
    """Return the memory of a process in MB, what it shares divided by the number of sharers; 0 when it is gone."""
    return _rollup(pid, "Pss:")


def anonymous_megabytes(pid: int) -> float:
    """Return the same without pages of files, which others on the machine share or not; 0 when it is gone."""
    return _rollup(pid, "Pss_Anon:")


def _rollup(pid: int, name: str) -> float:
    with suppress(OSError, StopIteration):
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024 / MEGABYTE
    return 0.0


def children_of(pid: int) -> list[int]:
    """Return the pids whose parent is this one."""
    found = (int(entry.name) for entry in PROC.glob("[0-9]*"))
    return sorted(child for child in found if (fields := _stat(child)) and int(fields[1]) == pid)


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat after the name, which may hold anything; none when it is gone."""
    with suppress(OSError):
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return []


def memory_of(pids: Pids) -> dict[str, float]:
    """Return the resident memory by kind of process, and `total`."""
    by_kind = {kind: sum(map(resident_megabytes, each)) for kind, each in pids.items()}
    return {**by_kind, "total": sum(by_kind.values())}


class Meter:
    """Watches processes while a load runs."""

    def __init__(self, pids: Callable[[], Pids]) -> None:
        """Prepare; `pids` is asked anew at each sample, for processes come and go."""
        self.pids = pids
        self._before: dict[int, float] = {}
        self._after: dict[int, float] = {}
        self._kinds: dict[int, str] = {}
        self._peak: dict[str, float] = {}
        self._is_over = False

    @asynccontextmanager
    async def sampling(self) -> AsyncIterator[None]:
        """Note the memory again and again, until the block ends."""
        task = asyncio.create_task(self._sample())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _sample(self) -> None:
        while True:
            self._note_memory()
            await asyncio.sleep(SAMPLE_SECONDS)

    def hear(self, line: Mapping[str, object]) -> None:
        """Take the CPU time of the measured part of a load, from what the load generator says."""
        if line.get("phase") == "measuring":
            self.begin()
        if line.get("phase") == "measured":
            self.end()

    def begin(self) -> None:
        """Note the CPU time at the beginning of what is measured."""
        self._before = self._cpu()

    def end(self) -> None:
        """Note the CPU time at its end."""
        self._after = self._cpu()
        self._note_memory()

    def _cpu(self) -> dict[int, float]:
        for kind, pids in self.pids().items():
            self._kinds |= dict.fromkeys(pids, kind)
        return {pid: cpu_seconds(pid) for pid in self._kinds}

    def close(self) -> None:
        """Note nothing more: what comes now is no part of the load."""
        self._is_over = True

    def _note_memory(self) -> None:
        if self._is_over:
            return
        for kind, megabytes in memory_of(self.pids()).items():
            self._peak[kind] = max(self._peak.get(kind, 0.0), megabytes)

    def cpu_per_thousand(self, events: int) -> dict[str, float]:
        """Return CPU seconds per 1,000 events by kind of process, and `total` of all but the benchmark's own."""
        used: dict[str, float] = {}
        for pid, seconds in self._after.items():
            kind = self._kinds[pid]
            used[kind] = used.get(kind, 0.0) + max(0.0, seconds - self._before.get(pid, 0.0))
        total = sum(seconds for kind, seconds in used.items() if kind not in OWN)
        return {kind: per_thousand(seconds, events) for kind, seconds in {**used, "total": total}.items()}

    def peak_memory(self) -> dict[str, float]:
        """Return the largest resident memory seen, in MB."""
        return {kind: round(megabytes, 1) for kind, megabytes in self._peak.items() if kind not in OWN}


OWN = ("load", "sink", "slow sink", "target", "director")
"""The benchmark's own processes: shown, so that one sees that they are not the limit, but no cost of the hub."""
