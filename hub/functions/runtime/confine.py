"""Confines a process before any code of a Function is loaded in it.

It dies with the hub, gains no privileges, uses no more of the machine than its limits say, and reads and writes only
the paths it was given. What the machine does not offer (Landlock, control groups, a user other than root) is left out:
the hub runs Functions on any machine, and holds them as tightly as that one can. Standard library only.
"""

import ctypes
import os
import resource
import signal
import struct
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
# The same numbers on every architecture.
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_VERSION = 1
_RULE_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_SCOPES = 0b11
"""Neither abstract sockets nor signals reach processes outside."""
_RIGHTS = ((3, (1 << 15) - 1), (2, (1 << 14) - 1), (1, (1 << 13) - 1))
"""Landlock's version → rights it knows; the control of devices is left alone."""


def confine(limits: dict[str, Any]) -> None:
    """Apply the limits to this process and everything it will start.

    Args:
        limits: `memory_bytes`, `processes`, `open_files`; `readable` and `writable` paths (none: not confined);
            `groups`, files of control groups to join.
    """
    _join(limits.get("groups", ()))
    _limit(limits)
    if sys.platform.startswith("linux"):
        die_with_parent()
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if limits.get("writable"):
            _fence(libc, limits["readable"], limits["writable"])


def die_with_parent() -> None:
    """Have the kernel kill this process when the hub ends, where the kernel can."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _join(groups: list[str]) -> None:
    for group in groups:
        try:
            with open(group, "w") as file:  # noqa: PTH123 - pathlib would double the start-up time
                file.write("0")
        except OSError:
            continue


def _limit(limits: dict[str, Any]) -> None:
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_NOFILE, limits.get("open_files"))
    _set(resource.RLIMIT_DATA, limits.get("memory_bytes"))
    if os.getuid() != 0 and limits.get("processes"):  # root is not held by this limit
        _set(resource.RLIMIT_NPROC, limits["processes"] + _tasks_of(os.getuid()))


def _set(which: int, value: int | None) -> None:
    if value is None:
        return
    hard = resource.getrlimit(which)[1]
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (most, most))


def _tasks_of(user: int) -> int:
    """Return how many threads a user runs already: the kernel counts all of them against the limit."""
    number = 0
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:  # noqa: PTH208, PTH112 - see above
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == user:  # noqa: PTH116 - see above
                number += os.stat(f"/proc/{name}/task").st_nlink - 2  # noqa: PTH116 - see above
        except OSError:
            continue
    return number


def _fence(libc: Any, readable: list[str], writable: list[str]) -> None:
    version = libc.syscall(_LANDLOCK_CREATE, None, 0, _LANDLOCK_VERSION)
    handled = next((rights for known, rights in _RIGHTS if version >= known), 0)
    if not handled:  # a kernel without Landlock
        return
    attributes = struct.pack("QQQ", handled, 0, _SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = libc.syscall(_LANDLOCK_CREATE, attributes, size, 0)
    if rules < 0:
        return
    for paths, rights in ((readable, _READ & handled), (writable, handled)):
        for path in paths:
            _allow(libc, rules, path, rights)
    libc.syscall(_LANDLOCK_RESTRICT, rules, 0)
    os.close(rules)


def _allow(libc: Any, rules: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not on this machine
        return
    if not os.path.isdir(path):  # noqa: PTH112 - see above
        rights &= _OF_FILES
    libc.syscall(_LANDLOCK_ADD, rules, _RULE_PATH_BENEATH, struct.pack("=Qi", rights, opened), 0)
    os.close(opened)
