"""Starting a child so that it cannot outlive the supervisor.

On Linux the kernel kills the child when the supervisor dies, however it dies (PR_SET_PDEATHSIG). Elsewhere workers
notice the end of the pipe in HUB_PARENT_PIPE. Each child leads a process group of its own: Ctrl-C in the terminal
reaches the supervisor alone, which then stops the children in order, and what a dead worker left behind can be ended
as a group.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Process(Protocol):
    """A started child."""

    @property
    def pid(self) -> int:
        """Return its process id."""
        ...

    def poll(self) -> int | None:
        """Return its exit status (negated signal number when killed), None while it lives."""
        ...


class Spawner(Protocol):
    """A way to start children; exchangeable, because it decides how long the hub takes to start."""

    def spawn(self, command: Sequence[str], *, env: Mapping[str, str], log: Path) -> Process:
        """Start a command with its output appended to the log."""
        ...

    def settle(self) -> str:
        """Give back what only a starting hub needs; returns what the operator should know of the start, if anything."""
        ...

    def close(self) -> None:
        """Give back what the spawner itself holds."""
        ...


class PlainSpawner:
    """Fork and exec: a new interpreter per child."""

    def __init__(self, pipe: int) -> None:
        """Create the spawner; `pipe` is the descriptor whose end tells children that the supervisor is gone."""
        self._pipe = pipe

    def spawn(self, command: Sequence[str], *, env: Mapping[str, str], log: Path) -> Process:
        """Start a command with its output appended to the log."""
        output = open_log(log)
        try:
            return subprocess.Popen(
                command,
                env={**env, "HUB_PARENT_PIPE": str(self._pipe)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(self._pipe,),
                process_group=0,
                preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - the supervisor has one thread
            )
        finally:
            os.close(output)

    def settle(self) -> str:
        """Do nothing: it holds nothing."""
        return ""

    def close(self) -> None:
        """Do nothing: it holds nothing."""


def open_log(log: Path) -> int:
    """Return a descriptor that appends to a log, which only its owner can read."""
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def die_with(parent: int) -> Callable[[], None] | None:
    """Return what a forked child calls to be killed when its parent dies; None where the system has no such thing."""
    if LIBC is None:
        return None
    prctl = LIBC.prctl

    def arrange() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died before the arrangement held
            os._exit(1)

    return arrange


def send(process: Process, number: signal.Signals) -> None:
    """Send a signal to a child that may be gone."""
    if process.poll() is None:
        os.kill(process.pid, number)


def end_group(pid: int) -> None:
    """Kill what a dead child left running in its process group."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
