"""Starts a whole hub from another program: the demo, the benchmark, journeys.

The hub is a real `hub up` in a process of its own. It ends with the program that started it, even when that is
killed: it notices the end of a pipe. (The kernel's parent-death signal would not do: it fires when the *thread* that
started the hub ends.)
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.kernel.errors import NotFound, UpstreamUnavailable
from hub.up import logfiles
from hub.up.statefile import read_running

POLL_SECONDS = 0.01
LINES_SHOWN = 20
_REMOVAL_SECONDS = 10.0


@dataclass
class RunningHub:
    """A hub that this program started."""

    data_dir: Path
    output: Path
    _process: subprocess.Popen[bytes]
    _pipe: int

    @property
    def pid(self) -> int:
        """Return the pid of the supervisor."""
        return self._process.pid

    @property
    def listeners(self) -> dict[str, str]:
        """Return the addresses by listener: `edge`, `public`, `internal`."""
        return dict(self.state()["listeners"])

    def state(self) -> dict[str, Any]:
        """Return what the hub says about itself (`hub status -o json`).

        Raises:
            UpstreamUnavailable: it does not run any more.
        """
        document = read_running(self.data_dir)
        if document is None or document["pid"] != self.pid:
            raise UpstreamUnavailable(f"The hub on {self.data_dir} does not run; see {self.output}.")
        return document

    def processes(self) -> dict[str, dict[str, Any]]:
        """Return the processes by name."""
        return {entry["name"]: entry for entry in self.state()["processes"]}

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to one process and return the pid that got it.

        Raises:
            NotFound: no such process, or it does not run now.
        """
        pid = self.processes().get(name, {}).get("pid")
        if pid is None:
            raise NotFound(f"The hub runs no process '{name}' now; it has {', '.join(self.processes())}.")
        os.kill(pid, number)
        return int(pid)

    def wait(self, fact: Callable[[dict[str, Any]], bool], *, limit_seconds: float = 30) -> dict[str, Any]:
        """Return the first state of which the fact is true.

        Raises:
            UpstreamUnavailable: the hub ended, or the time is up.
        """
        deadline = time.monotonic() + limit_seconds
        while time.monotonic() < deadline:
            document = read_running(self.data_dir)
            if document is not None and document["pid"] == self.pid and fact(document):
                return document
            if self._process.poll() is not None:
                raise UpstreamUnavailable(f"The hub ended with status {self._process.returncode}.{self._last_words()}")
            time.sleep(POLL_SECONDS)
        raise UpstreamUnavailable(f"The hub is not so far after {limit_seconds:.0f} s.{self._last_words()}")

    def wait_ready(self, *, limit_seconds: float = 30) -> dict[str, Any]:
        """Return the state as soon as every process is ready."""
        return self.wait(lambda state: state["state"] == "ready", limit_seconds=limit_seconds)

    def stop(self, number: signal.Signals = signal.SIGTERM, *, limit_seconds: float = 30) -> int:
        """End the hub in order and return its exit status; killed when it takes too long."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            return self._process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def _last_words(self) -> str:
        return "".join(f"\n  {line}" for line in logfiles.tail(self.output, LINES_SHOWN))


def remove(directory: Path) -> None:
    """Remove the directory of a hub that has ended; what of it was killed may write for a moment longer."""
    limit = time.monotonic() + _REMOVAL_SECONDS
    while directory.exists() and time.monotonic() < limit:
        shutil.rmtree(directory, ignore_errors=True)
        time.sleep(POLL_SECONDS)


def start_hub(
    data_dir: Path, env: Mapping[str, str] | None = None, *, limit_seconds: float = 30, ready: bool = True
) -> RunningHub:
    """Start `hub up` on a data directory.

    Args:
        data_dir: created if absent.
        env: settings in addition to this program's environment.
        limit_seconds: how long it may take to become ready.
        ready: wait for that.

    Raises:
        UpstreamUnavailable: it did not become ready; the text holds its last words.
    """
    command = (sys.executable, "-P", "-m", "hub", "up", "--no-color", "--data-dir", str(data_dir))
    hub = launch(command, data_dir, env or {})
    if ready:
        try:
            hub.wait_ready(limit_seconds=limit_seconds)
        except BaseException:
            hub.stop()
            raise
    return hub


def launch(command: Sequence[str], data_dir: Path, env: Mapping[str, str], inherit: Sequence[int] = ()) -> RunningHub:
    """Start a command that becomes a supervisor, its output in `<data_dir>/log/hub.log`."""
    output = data_dir / "log" / "hub.log"
    for directory in (data_dir, output.parent):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    reader, writer = os.pipe()
    try:
        with open(output, "wb", opener=_private) as file:
            process = subprocess.Popen(
                command,
                env={**os.environ, **env, "HUB_PARENT_PIPE": str(reader)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                pass_fds=(reader, *inherit),
            )
    finally:
        os.close(reader)
    return RunningHub(data_dir, output, process, writer)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
