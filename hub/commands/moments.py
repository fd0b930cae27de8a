"""Moments and progress as commands take and show them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from hub.kernel.errors import InvalidField

Advance = Callable[[int], None]


def moment_of(text: str | None, option: str, now: float) -> float | None:
    """Return a moment in seconds since 1970: `90s`, `2h`, `7d` before now, or RFC 3339.

    Raises:
        InvalidField: it is neither; the text names the option.
    """
    from hub.dispatch.durations import seconds_of

    if text is None:
        return None
    try:
        return now - seconds_of(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidField(
            f"{option} '{text[:40]}' is neither a duration (90s, 2h, 7d) nor a moment (2030-01-31T12:00:00Z).",
            field=option,
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def caller() -> str:
    """Return who runs this command, for the audit record: the user and the machine."""
    import getpass
    import socket

    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a user without a name
        return f"unknown@{socket.gethostname()}"


@contextmanager
def progress(title: str, total: int) -> Iterator[Advance]:
    """Show a bar on standard error while it is a terminal; gives the function that moves it on."""
    if not sys.stderr.isatty() or total <= 1:
        yield lambda _steps: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    what = TextColumn("{task.description}")
    parts = (what, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*parts, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda steps: bar.advance(task, steps)
