"""Tables for people: plain texts in columns, whole when they go to a file or a pipe."""

from collections.abc import Iterable, Sequence

from hub.commands.escaping import visible


def say_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table to standard output; brackets in a text are no mark-up."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    console = Console(highlight=False)
    (console if console.is_terminal else Console(highlight=False, width=400)).print(table)
