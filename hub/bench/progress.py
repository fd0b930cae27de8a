"""Shows on standard error how far a benchmark is: a bar on a terminal, else a line for each of many."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hub.bench.driving import Hear, Line
from hub.bench.options import Options
from hub.bench.rows import Run


@contextmanager
def showing(options: Options, title: str = "") -> Iterator[Hear]:
    """Give the function that is told how far it is; the title says which of several benchmarks this is."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield _Bar(options, progress, title or f"hub bench {options.scenario}").hear


def showing_one(run: Run, place: str) -> AbstractContextManager[Hear]:
    """Show one of many runs, with its place among them."""
    console, title = Console(stderr=True), f"hub bench all · {place} · {run.name}"
    if not console.is_terminal:
        console.print(title, highlight=False)
    return showing(run.options, title)


class _Bar:
    """One bar: the time of the load, then the events that have arrived."""

    def __init__(self, options: Options, progress: Progress, title: str) -> None:
        self._options = options
        self._title = title
        self._progress = progress
        self._task = progress.add_task("starting a hub", total=None)
        self._run = 1
        self._began = 0.0

    def hear(self, line: Line) -> None:
        """Show what is new."""
        if "run" in line:
            self._run = line["run"]
            self._say("starting a hub", total=None)
        elif "phase" in line:
            self._begin(line["phase"])
        elif "answered" in line:
            self._say(f"{line['answered']:,} events accepted", completed=time.monotonic() - self._began)
        elif "delivered" in line:
            self._say(f"{line['delivered']:,} events arrived", total=line["of"], completed=line["delivered"])

    def _begin(self, phase: str) -> None:
        if phase == "warming up":
            self._began = time.monotonic()
            self._say(phase, total=self._options.warm_up + self._options.seconds, completed=0.0)
        else:
            self._say(phase)

    def _say(self, text: str, **fields: Any) -> None:
        place = f"{self._title} · run {self._run} of {self._options.repeat} · {text}"
        self._progress.update(self._task, description=place, **fields)
