"""Shows the demo: a live table, or plain lines; then the summary."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from hub.commands.session import say
from hub.demo import audit
from hub.demo.play import Play, Show


@contextmanager
def showing(*, live: bool, quiet: bool) -> Iterator[Show]:
    """Give the function that shows the play as it goes on."""
    if quiet:
        yield lambda _play: None
    elif not live:
        yield _Lines().show
    else:
        with Live(console=Console(highlight=False), auto_refresh=False) as screen:
            yield lambda play: screen.update(table_of(play), refresh=True)


def table_of(play: Play) -> Table:
    """Return the counters as a table."""
    table = Table(title=f"hub demo · {play.step}", title_justify="left")
    for name in play.tally():
        table.add_column(name, justify="right")
    table.add_row(*(str(number) for number in play.tally().values()))
    return table


class _Lines:
    """One line per step, for logs and pipes."""

    def __init__(self) -> None:
        self._step = ""

    def show(self, play: Play) -> None:
        """Write a line when the step is another one."""
        if play.step != self._step:
            self._step = play.step
            counters = ", ".join(f"{name} {number}" for name, number in play.tally().items() if number)
            say(f"{play.step}{f': {counters}' if counters else ''}")


def result_of(play: Play, data_dir: str) -> dict[str, Any]:
    """Return the machine-readable result."""
    complaints = play.complaints()
    return {
        "held": not complaints,
        "complaints": complaints,
        "data_dir": data_dir,
        "tally": play.tally(),
        "kills": [{"process": name, "moment": moment} for name, moment in play.faults.struck],
        "outcomes": audit.counts(play.entries()),
        "events": [entry.as_document() for entry in play.entries()],
    }


def summary_of(result: dict[str, Any]) -> str:
    """Return what a person is told at the end."""
    outcomes = ", ".join(f"{number} {name}" for name, number in result["outcomes"].items() if number)
    if result["held"]:
        replayed = result["tally"]["replayed"]
        return f"Every event is accounted for: {outcomes}; {replayed} dead letter replayed to the healed sink."
    return "\n".join(["The demo did not hold:", *(f"  {text}" for text in result["complaints"]), f"  ({outcomes})"])
