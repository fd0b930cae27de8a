"""Starts a program that is called over a socket, in a session of its own. Does I/O (asyncio, child processes)."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Command = Callable[[int], tuple[str, ...]]
"""Descriptor of the program's end of the socket → what is executed."""


@dataclass(frozen=True, slots=True)
class Started:
    """A program that has been started, and the hub's end of its socket."""

    process: asyncio.subprocess.Process
    channel: socket.socket
    number: int
    """The descriptor of the program's own end, in the program."""

    @property
    def runs(self) -> bool:
        """Say whether it has not ended, as far as is known."""
        return self.process.returncode is None

    def kill(self) -> None:
        """End it and all it started, at once."""
        end_group(self.process.pid)
        self.channel.close()


async def start(
    command: Command, environment: Mapping[str, str], *, directory: str = "/", log: str = os.devnull
) -> Started:
    """Start a program.

    Args:
        command: what to execute.
        environment: all of its variables.
        directory: where it works.
        log: file that takes what it says before it can write by itself.

    Raises:
        OSError: the machine cannot start a process.
    """
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    number = theirs.fileno()
    try:
        with open(log, "ab", opener=_private) as output:  # noqa: ASYNC230 - a local file
            process = await asyncio.create_subprocess_exec(
                *command(number),
                env=dict(environment),
                cwd=directory,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(number,),
                start_new_session=True,
            )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return Started(process, ours, number)


def end_group(group: int) -> None:
    """Kill a process and everything that it started in its session's group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
