"""Shows a soak to people: how far it is, and what was found."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from hub.bench.driving import Hear, Line
from hub.bench.soak.options import Options

Document = dict[str, Any]
MEGABYTE = 1_000_000


@contextmanager
def showing(options: Options) -> Iterator[Hear]:
    """Give the function that is told how far it is; it shows that on a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("hub bench soak · starting a hub", total=options.minutes * 60)
        began, days = 0.0, 0

        def hear(line: Line) -> None:
            nonlocal began, days
            days = line.get("day", days)
            if line.get("phase") == "warming up":
                began = time.monotonic()
            elif "phase" in line:
                progress.update(task, description=f"hub bench soak · {line['phase']}")
            if "sample" in line and began:
                text = f"hub bench soak · day {days + 1} · {_state(line['sample'])}"
                progress.update(task, description=text, completed=time.monotonic() - began)

        yield hear


def _state(sample: Line) -> str:
    processes = sample["processes"].values()
    memory, files = sum(each["memory_mb"] for each in processes), sum(each["files"] for each in processes)
    return f"{sum(sample['counts'].values()):,} arrivals · {memory:.0f} MB · {files:.0f} open files"


def show(document: Document) -> None:
    """Write the tables to standard output."""
    options, console = document["options"], Console(highlight=False)
    title = f"hub bench soak · {options['minutes']:g} minutes, {options['rate']:g} events/s, {document['days']} days"
    console.print(title, markup=False)
    for table in (events_of(document), processes_of(document), streams_of(document)):
        console.print(table)
    if not document["judged"]:
        console.print("Too short to judge growth; it is only shown.")
    console.print("Nothing grew and nothing was lost." if document["held"] else "It did not hold:")
    for text in document["complaints"]:
        console.print(f"  {text}", markup=False)
    console.print(f"Samples: {document['samples']}", markup=False)


def events_of(document: Document) -> Table:
    """Return what became of the events, by receiver."""
    table = Table()
    names = list(next(iter(document["events"].values())))
    for name in ("events", *names):
        table.add_column(name, justify="left" if name == "events" else "right")
    for receiver, figures in document["events"].items():
        table.add_row(f"to {receiver}", *(f"{figures[name]:,}" for name in names))
    return table


def processes_of(document: Document) -> Table:
    """Return memory, open files and threads, after the warm-up and at the end."""
    trends, table = document["trends"], Table()
    table.add_column("process")
    for name in ("memory MB", "at the end", "growth", "open files", "at the end", "threads", "at the end"):
        table.add_column(name, justify="right")
    for kind in sorted(trends["memory_mb"], key=lambda kind: (kind == "total", kind)):
        memory, files, threads = (trends[figure][kind] for figure in ("memory_mb", "files", "threads"))
        counts = [f"{each[when]:.0f}" for each in (files, threads) for when in ("begin", "end")]
        table.add_row(kind, f"{memory['begin']:.1f}", f"{memory['end']:.1f}", f"{memory['share']:+.1%}", *counts)
    return table


def streams_of(document: Document) -> Table:
    """Return what the streams hold that were written to."""
    table = Table()
    table.add_column("stream")
    for name in ("messages", "MB", "most MB", "limit MB", "cleared", "consumers"):
        table.add_column(name, justify="right")
    for name, each in sorted(document["streams"].items()):
        if each["messages"] or each["cleared"]:
            limit = f"{each['limit_bytes'] / MEGABYTE:,.0f}" if each["limit_bytes"] > 0 else "–"
            sizes = (f"{each[of] / MEGABYTE:,.1f}" for of in ("bytes", "most_bytes"))
            table.add_row(name, f"{each['messages']:,}", *sizes, limit, f"{each['cleared']:,}", f"{each['consumers']}")
    return table
