"""What `hub up` says on the terminal: one line per change of a process."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hub.up.child import Child

COLORS = {"ready": "32", "restarting": "33", "stopped": "2", "failed": "31"}
NAME_WIDTH = 12
STATE_WIDTH = 11


class Report:
    """Writes readable lines."""

    def __init__(self, write: Callable[[str], None] | None = None, *, color: bool = False) -> None:
        """Create the report; lines go to standard output unless `write` takes them."""
        self._write = write or _print
        self._color = color

    def change(self, child: Child, text: str = "") -> None:
        """Say in which state a process is now."""
        parts = [child.name.ljust(NAME_WIDTH), self._paint(child.state, child.state.ljust(STATE_WIDTH))]
        parts += [f"pid {child.pid}".ljust(12)] if child.pid else []
        if child.state == "ready" and child.ready_after_seconds is not None:
            parts.append(f"{child.ready_after_seconds:.2f} s ")
        said = child.status or " · ".join(f"{name} {url}" for name, url in child.listeners.items())
        parts.append(text or (said if child.state == "ready" else ""))
        self._write(" ".join(parts).rstrip())

    def ready(self, seconds: float, listeners: Mapping[str, str], data_dir: Path) -> None:
        """Say that the whole hub serves, and where everything is."""
        addresses = "".join(f" · {name} {url}" for name, url in listeners.items())
        self._write(self._paint("ready", f"hub is ready in {seconds:.1f} s") + addresses)
        self._write(f"data {data_dir} · logs {data_dir / 'log'} · stop with Ctrl-C")

    def interrupted(self) -> None:
        """Begin a new line after the `^C` that a terminal shows."""
        if sys.stdout.isatty():
            self._write("")

    def failed(self, name: str, reason: str, log: Path, lines: Sequence[str]) -> None:
        """Say loudly why the hub ends, with the last words of the process."""
        self._write(self._paint("failed", f"{name} failed: {reason}. The hub stops. Last lines of {log}:"))
        for line in lines:
            self._write(f"  {line}")

    def say(self, text: str) -> None:
        """Say anything else."""
        self._write(text)

    def _paint(self, tone: str, text: str) -> str:
        code = COLORS.get(tone)
        return f"\x1b[{code}m{text}\x1b[0m" if self._color and code else text


def _print(line: str) -> None:
    try:
        print(line, flush=True)  # noqa: T201 - this is the terminal output of the command
    except OSError:
        # The terminal is gone; the hub goes on, and Python must not complain when it flushes at the end.
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - stays open for the rest of the process
