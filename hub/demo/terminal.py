"""Shows the demo: a live table, or plain lines; then the summary."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hub.commands.session import say
from hub.demo import audit
from hub.demo.events import SPECIAL, TYPES
from hub.demo.play import Play, Show

WIDE_COLUMNS = 80


@contextmanager
def showing(*, live: bool, quiet: bool) -> Iterator[Show]:
    """Give the function that shows the play as it goes on."""
    if quiet:
        yield lambda _play: None
    elif not live:
        yield _Lines().show
    else:
        console = Console(highlight=False)
        with Live(console=console, auto_refresh=False) as screen:
            yield lambda play: screen.update(table_of(play, console.width), refresh=True)


def table_of(play: Play, width: int) -> RenderableType:
    """Return the counters: a line for each event type and all of them; narrow, a line for each counter."""
    title = Text(f"hub demo · {play.step}{_kills(play)}", style="bold")
    return Group(title, _by_type(play) if width >= WIDE_COLUMNS else _totals(play))


def _by_type(play: Play) -> Table:
    table = Table(box=SIMPLE, show_edge=False, padding=(0, 1, 0, 0), show_footer=True)
    table.add_column("event type", "all", no_wrap=True)
    for name, number in play.tally().items():
        table.add_column(name.replace(" ", "\n"), str(number), justify="right")
    for event_type in TYPES:
        table.add_row(event_type, *(str(number) for number in play.tally(event_type).values()))
    return table


def _totals(play: Play) -> Table:
    table = Table(box=None, show_header=False)
    for name, number in play.tally().items():
        table.add_row(name, str(number))
    return table


def _kills(play: Play) -> str:
    struck = Counter(name for name, _ in play.faults.struck)
    return "".join(f" · {name} killed {number} ×" for name, number in struck.items())


class _Lines:
    """One line per step, for logs and pipes."""

    def __init__(self) -> None:
        self._step = ""

    def show(self, play: Play) -> None:
        """Write a line when the step is another one."""
        if play.step != self._step:
            self._step = play.step
            counters = ", ".join(f"{name} {number}" for name, number in play.tally().items() if number)
            say(f"{play.step}{_kills(play)}{f': {counters}' if counters else ''}")


def result_of(play: Play, data_dir: str) -> dict[str, Any]:
    """Return the machine-readable result."""
    complaints = play.complaints()
    return {
        "held": not complaints,
        "complaints": complaints,
        "data_dir": data_dir,
        "tally": play.tally(),
        "kills": [{"process": name, "moment": moment} for name, moment in play.faults.struck],
        "replayed": sorted(play.replayed),
        "outcomes": audit.counts(play.entries()),
        "failed_attempts": dict(play.sink.refused),
        "events": [entry.as_document() for entry in play.entries()],
    }


def summary_of(result: dict[str, Any]) -> str:
    """Return what a person is told at the end."""
    outcomes = ", ".join(f"{number} {name}" for name, number in result["outcomes"].items() if number)
    special = [f"  {what}: {_fate(result, identifier)}" for identifier, what in SPECIAL.items()]
    if result["held"]:
        return "\n".join(["Every event is accounted for:", f"  {outcomes}", "The special ones:", *special])
    return "\n".join(["The demo did not hold:", *(f"  {text}" for text in result["complaints"]), f"  ({outcomes})"])


def _fate(result: dict[str, Any], identifier: str) -> str:
    """Return what became of one event, in words."""
    entries = [entry for entry in result["events"] if entry["id"] == identifier]
    said = ["refused with " + str(e["status"]) if e["outcome"] == "refused" else e["outcome"] for e in entries]
    failed = result["failed_attempts"].get(identifier)
    after = f" after {failed} failed attempts" if failed else ""
    return ", then ".join(said) + after + (", then replayed" if identifier in result["replayed"] else "")
