"""One supervised child: what it runs, in which state it is, since when."""

import shlex
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hub.kernel.errors import Misconfigured
from hub.up import logfiles
from hub.up.plan import Program
from hub.up.readiness import Notice
from hub.up.spawning import Process, Spawner, end_group, send

State = Literal["waiting", "starting", "ready", "restarting", "stopping", "stopped"]


@dataclass
class Child:
    """A process of the Procfile, or nats-server (which has a probe instead of notices)."""

    name: str
    command: tuple[str, ...]
    env: dict[str, str]
    log: Path
    probe: Callable[[], bool] | None = None
    announce: Callable[[int], None] | None = None
    state: State = "waiting"
    process: Process | None = None
    started: float = 0.0  # monotonic seconds
    due: float = 0.0  # monotonic seconds of the next start, while restarting
    ready_after_seconds: float | None = None
    overdue: bool = False  # was killed because it did not become ready
    restarts: int = 0
    quick_failures: int = 0
    status: str = ""
    listeners: dict[str, str] = field(default_factory=dict)

    @property
    def pid(self) -> int | None:
        """Return the process id, None while it does not run."""
        return None if self.process is None else self.process.pid

    @property
    def age_seconds(self) -> float:
        """Return the seconds since its last start."""
        return time.monotonic() - self.started

    @property
    def served_seconds(self) -> float:
        """Return the seconds since it became ready, 0 before: what never served is not healthy, however old."""
        return 0.0 if self.ready_after_seconds is None else self.age_seconds - self.ready_after_seconds

    def start(self, spawner: Spawner, log_limit_bytes: int) -> None:
        """Start the process.

        Raises:
            OSError: the command cannot be executed.
        """
        logfiles.set_aside(self.log, log_limit_bytes)
        self.state, self.started, self.status, self.ready_after_seconds = "starting", time.monotonic(), "", None
        self.overdue = False
        self.process = spawner.spawn(self.command, env=self.env, log=self.log)
        if self.announce:
            self.announce(self.process.pid)

    def hear(self, notice: Notice) -> bool:
        """Take in what the process said; return whether it became ready by it."""
        self.status = notice.status or self.status
        self.listeners = notice.listeners or self.listeners
        return notice.ready and self.become_ready()

    def become_ready(self) -> bool:
        """Note that the process serves; return False when that was known."""
        if self.state != "starting":
            return False
        self.state, self.ready_after_seconds = "ready", self.age_seconds
        return True

    def reap(self) -> int | None:
        """Return the exit status if the process has died since; what it left behind is ended."""
        status = None if self.process is None else self.process.poll()
        if self.process is None or status is None:
            return None
        end_group(self.process.pid)
        self.process = None
        return status

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process runs."""
        if self.process is not None:
            send(self.process, number)

    def as_document(self) -> dict[str, object]:
        """Return the machine-readable state."""
        return {
            "name": self.name,
            "pid": self.pid,
            "state": self.state,
            "restarts": self.restarts,
            "ready_after_seconds": self.ready_after_seconds and round(self.ready_after_seconds, 3),
            "listeners": self.listeners,
        }


def command_of(program: Program) -> tuple[str, ...]:
    """Return the arguments of a Procfile line; `hub` means this installation, whatever the PATH says.

    Raises:
        Misconfigured: a quote is not closed.
    """
    try:
        words = shlex.split(program.command)
    except ValueError as error:
        raise Misconfigured(f"The Procfile's line '{program.name}' is wrong ({error}); correct its quotes.") from error
    # -P: a folder `hub` in the current directory must not stand in for the installed package.
    return (sys.executable, "-P", "-m", *words) if words[0] == "hub" else tuple(words)
