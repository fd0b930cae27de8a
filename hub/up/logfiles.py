"""Log files of the processes: set aside when large, shown when something went wrong."""

import shutil
from contextlib import suppress
from pathlib import Path

TAIL_BYTES = 16384


def set_aside(log: Path, limit_bytes: int) -> None:
    """Rename a large log that nobody has open."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > limit_bytes:
            log.replace(_older(log))


def cut(log: Path, limit_bytes: int) -> None:
    """Copy a large log that a process is writing, then empty it; a line written between the two steps is lost."""
    with suppress(OSError):  # a full disk must not stop the supervisor
        if log.stat().st_size > limit_bytes:
            shutil.copyfile(log, _older(log))
            with log.open("r+b") as file:
                file.truncate(0)


def tail(log: Path, lines: int) -> list[str]:
    """Return the last lines of a log, none when there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        return []


def _older(log: Path) -> Path:
    return log.with_name(log.name + ".1")
