"""One hub per data directory: two would write the same event store and destroy it.

The lock is the kernel's (flock), so it ends with the process however it ends; the pid in the file is only for people.
"""

import fcntl
import os
from pathlib import Path

from hub.kernel.errors import AlreadyExists


def acquire(path: Path) -> int:
    """Take the lock and return its descriptor, which children do not inherit; keep it open.

    Raises:
        AlreadyExists: another hub holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        pid = _pid(descriptor)
        os.close(descriptor)
        who = f" (pid {pid})" if pid else ""
        raise AlreadyExists(
            f"Another hub{who} runs on {path.parent.parent}; stop it{f' with `kill {pid}`' if pid else ''},"
            " or choose another directory with --data-dir or HUB_DATA_DIR."
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def holder(path: Path) -> int | None:
    """Return the pid of the hub that holds the lock, None when no hub runs."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _pid(descriptor)
    finally:
        os.close(descriptor)
    return None


def _pid(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None
