"""Shows on standard error how far a benchmark is, when that is a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from hub.bench.driving import Hear, Line
from hub.bench.options import Options


@contextmanager
def showing(options: Options) -> Iterator[Hear]:
    """Give the function that is told how far it is."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("starting a hub", total=None)
        place = ""

        def hear(line: Line) -> None:
            nonlocal place
            if "run" in line:
                place = f"hub bench {options.scenario} · run {line['run']} of {options.repeat} · "
                progress.update(task, description=f"{place}starting a hub")
            for name in ("answered", "delivered"):
                if name in line:
                    progress.update(task, description=f"{place}{line[name]:,} events {name}")
            if "phase" in line:
                progress.update(task, description=f"{place}{line['phase']}")

        yield hear
