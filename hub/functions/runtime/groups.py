"""Control groups, where the machine lets the hub make some: a process and all it starts share one set of limits.

Both generations are known. Nothing here fails: without control groups the limits of `confine` remain.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from hub.functions.model import Limits

ROOT = Path("/sys/fs/cgroup")
_FOLDER = "hub-functions"
_PERIOD_US = 100_000
_NUMBERS = itertools.count(1)
_CONTROLLERS = ("memory", "pids", "cpu")


class Group:
    """The control group of one process; without directories it limits nothing."""

    def __init__(self, directories: dict[str, Path], limits: Limits) -> None:
        """Take the directories by controller, in which the group has been made."""
        self._directories = directories
        self._limits = limits

    @property
    def files(self) -> list[str]:
        """Return the files by which a process joins."""
        return [str(directory / "cgroup.procs") for directory in dict.fromkeys(self._directories.values())]

    def throttle(self) -> None:
        """Limit the processor from now on; loading a handler is not throttled."""
        directory = self._directories.get("cpu")
        if directory is None:
            return
        quota = max(int(self._limits.cpus * _PERIOD_US), 1000)
        if not _write(directory / "cpu.max", f"{quota} {_PERIOD_US}"):
            _write(directory / "cpu.cfs_quota_us", str(quota))

    def remove(self) -> None:
        """Remove the group; its processes have ended."""
        for directory in dict.fromkeys(self._directories.values()):
            with contextlib.suppress(OSError):
                directory.rmdir()


def make_group(label: str, limits: Limits, root: Path = ROOT) -> Group:
    """Make a group for one process, as far as the machine allows."""
    directories: dict[str, Path] = {}
    name = f"{label[:120]}.{os.getpid()}.{next(_NUMBERS)}"
    for controller, base in _bases(root):
        directory = base / _FOLDER / name
        with contextlib.suppress(OSError):
            directory.mkdir(parents=True, exist_ok=True)
            directories[controller] = directory
    _set_limits(directories, limits)
    return Group(directories, limits)


def _set_limits(directories: dict[str, Path], limits: Limits) -> None:
    if "pids" in directories:
        _write(directories["pids"] / "pids.max", str(limits.processes))
    memory = directories.get("memory")
    if memory is not None and not _write(memory / "memory.max", str(limits.memory_bytes)):
        _write(memory / "memory.limit_in_bytes", str(limits.memory_bytes))


def _bases(root: Path) -> Iterator[tuple[str, Path]]:
    """Return each controller that can be used, with the group below which the hub may make others."""
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, names, path = [*line.split(":", 2), "", ""][:3]
        if not names and (root / "cgroup.controllers").exists():
            yield from _unified(root / path.lstrip("/"))
        for controller in set(names.split(",")) & set(_CONTROLLERS):
            base = root / controller / path.lstrip("/")
            if os.access(base, os.W_OK):
                yield controller, base


def _unified(own: Path) -> Iterator[tuple[str, Path]]:
    """Return the controllers of the second generation: a group with processes cannot hand them on, its parent may."""
    for base in (own, own.parent):
        wanted = [name for name in _CONTROLLERS if name in _read(base / "cgroup.controllers").split()]
        switches = " ".join(f"+{name}" for name in wanted)
        if not wanted or not _write(base / "cgroup.subtree_control", switches):
            continue
        with contextlib.suppress(OSError):
            (base / _FOLDER).mkdir(exist_ok=True)
        if _write(base / _FOLDER / "cgroup.subtree_control", switches):
            yield from ((name, base) for name in wanted)
            return


def sweep(root: Path = ROOT) -> None:
    """Remove groups that a hub which was killed left behind; those in use cannot be removed."""
    for _, base in _bases(root):
        for directory in (base / _FOLDER).glob("*/"):
            with contextlib.suppress(OSError):
                directory.rmdir()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _write(path: Path, text: str) -> bool:
    """Write an existing file; says whether that was possible."""
    try:
        with path.open("r+") as file:
            file.write(text)
    except OSError:
        return False
    return True
