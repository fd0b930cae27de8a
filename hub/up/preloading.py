"""Starts workers as forks of one process that has imported everything, as long as the hub is starting.

Once the hub is ready that process is let go, and its memory with it; what has to be started again later gets an
interpreter of its own. So does whatever cannot be forked: programs that are not ours, and everything when the zygote
fails.
"""

import ctypes
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hub.up.spawning import PlainSpawner, Process, die_with, open_log

PR_SET_CHILD_SUBREAPER = 36
PATIENCE_SECONDS = 30.0
OUR_OWN = (sys.executable, "-P", "-m", "hub")


class Forked:
    """A worker that was forked by the zygote and adopted by this process."""

    def __init__(self, pid: int) -> None:
        """Create it for a pid that is a child of this process."""
        self.pid = pid
        self._status: int | None = None

    def poll(self) -> int | None:
        """Return its exit status (negated signal number when killed), None while it lives."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status


class PreloadedSpawner:
    """Forks our own workers, starts everything else the plain way. Linux only."""

    def __init__(self, pipe: int) -> None:
        """Start the zygote, which imports while the event store starts; `pipe` as for PlainSpawner."""
        self._plain = PlainSpawner(pipe)
        self._pipe = pipe
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._zygote = subprocess.Popen(
                (sys.executable, "-P", "-m", "hub.up.zygote", str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(theirs.fileno(), pipe),
                process_group=0,
                preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - the supervisor has one thread
            )
        ours.settimeout(PATIENCE_SECONDS)
        self._connection: socket.socket | None = ours
        self._awaited = False
        self._failure = ""

    def spawn(self, command: Sequence[str], *, env: Mapping[str, str], log: Path) -> Process:
        """Start a command with its output appended to the log."""
        if tuple(command[: len(OUR_OWN)]) == OUR_OWN and self._connection is not None:
            try:
                return self._fork(self._connection, command[len(OUR_OWN) :], env, log)
            except (OSError, ValueError) as error:  # the zygote is gone or does not answer
                self._failure = self._let_go() or repr(error)
        return self._plain.spawn(command, env=env, log=log)

    def settle(self) -> str:
        """Let the zygote go: the hub is ready. Returns why workers were not forked, when they were not."""
        self._let_go()
        if not self._failure:
            return ""
        return (
            f"Workers could not be forked from one process ({self._failure}): the start took longer, and they share no"
            " memory. HUB_UP__PRELOAD=false does without on purpose."
        )

    def close(self) -> None:
        """Let the zygote go, if it is still there."""
        self._let_go()

    def _let_go(self) -> str:
        """End the zygote; returns its last line."""
        if self._connection is None:
            return ""
        self._connection.close()
        self._connection = None
        self._zygote.kill()
        _, said = self._zygote.communicate()
        return said.decode(errors="replace").rstrip().rpartition("\n")[2]

    def _fork(
        self, connection: socket.socket, arguments: Sequence[str], env: Mapping[str, str], log: Path
    ) -> Process:
        if not self._awaited:
            connection.recv(16)
            self._awaited = True
        request = {"arguments": list(arguments), "env": {**env, "HUB_PARENT_PIPE": str(self._pipe)}}
        output = open_log(log)
        _adopt(True)
        try:
            socket.send_fds(connection, [json.dumps(request).encode()], [output])
            return Forked(int(connection.recv(32)))
        finally:
            _adopt(False)
            os.close(output)


def _adopt(wanted: bool) -> None:
    """Make this process the parent of descendants whose own parent ended; only while a worker is being forked."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0)
