"""Shows a drill to people: a line while it runs, tables at its end."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hub.commands.session import say_error
from hub.drill.drill import Course, Show
from hub.drill.running import log_of

Document = dict[str, Any]
FIGURES = {
    "posted": "events posted",
    "accepted": "accepted (2xx)",
    "posted_again": "  of these posted more than once",
    "known_again": "  of these answered as duplicates",
    "delivered": "deliveries",
    "delivered_again": "  delivered again",
    "not_taken": "  not taken by the receiver",
    "dead_lettered": "dead letters",
    "lost": "lost",
    "out_of_order": "out of order",
}


@contextmanager
def showing(*, quiet: bool) -> Iterator[Show]:
    """Give the function that shows how far the drill is, on standard error."""
    console = Console(stderr=True, highlight=False)
    if quiet:
        yield lambda _course: None
    elif console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as screen:
            yield lambda course: screen.update(line_of(course), refresh=True)
    else:
        yield _Lines().show


def line_of(course: Course) -> Text:
    """Return where the drill stands, in one line."""
    books = course.books
    fault = f" · {course.under_way.title}" if course.under_way else ""
    return Text(
        f"hub drill · {books.now():.0f} s · {course.step}{fault} · {len(course.struck)} faults · "
        f"{len(books.accepted):,} accepted · {len(books.arrivals):,} arrivals · {len(books.dead):,} dead letters"
    )


class _Lines:
    """A line per fault, for logs and pipes."""

    def __init__(self) -> None:
        self._told = 0
        self._step = ""

    def show(self, course: Course) -> None:
        """Write a line for what is new."""
        for each in course.struck[self._told :]:
            after = "not recovered" if each.recovered is None else f"recovered after {each.recovery_seconds:.2f} s"
            say_error(f"{each.at:7.2f} s  {each.fault.title}, lasted {each.ended - each.at:.2f} s, {after}")
        self._told = len(course.struck)
        if course.step != self._step:
            self._step = course.step
            say_error(f"{course.books.now():7.2f} s  {course.step}")


def show(document: Document) -> None:
    """Write the tables to standard output."""
    console = Console(highlight=False)
    console.print(f"hub drill --seed {document['seed']} --minutes {document['minutes']:g}", markup=False)
    console.print(faults_of(document))
    console.print(figures_of(document))
    said = "Every promise held." if document["held"] else f"{len(document['complaints'])} complaints."
    console.print(said, markup=False)


def faults_of(document: Document) -> Table:
    """Return the faults by kind: how often, and how long the hub took to recover."""
    table = Table()
    for name in ("fault", "struck", "recovery, median s", "longest s"):
        table.add_column(name, justify="left" if name == "fault" else "right")
    recovery = document["figures"]["recovery_seconds"]
    struck = Counter(each["kind"] for each in document["struck"])
    for kind, number in sorted(struck.items()):
        values = [f"{recovery[f'{kind} {which}']:.2f}" if f"{kind} {which}" in recovery else "-"
                  for which in ("median", "longest")]  # fmt: skip
        table.add_row(kind, str(number), *values)
    return table


def figures_of(document: Document) -> Table:
    """Return the counts."""
    figures = document["figures"]
    table = Table(show_header=False)
    for name, shown in FIGURES.items():
        table.add_row(shown, f"{figures[name]:,}")
    for status, number in figures["refused"].items():
        table.add_row(f"refused for good with {status}", f"{number:,}")
    for status, number in figures["answers"].items():
        table.add_row(f"posts answered {status}" if status.isdigit() else f"posts with {status}", f"{number:,}")
    return table


def place_of(document: Document) -> str:
    """Return where the remains of a drill are, for people."""
    return f"What happened is kept: {document['kept']} (drill.json), the logs are in {log_of(document['kept'])}."
