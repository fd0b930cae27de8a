"""What `hub bench` and `hub drill` have in common: a hub of their own is started, tried, and judged.

SIGTERM ends them as Ctrl-C does: everything that was started is stopped and removed.
"""

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

Document = dict[str, Any]


def prove(run: Callable[[], Document], show: Callable[[Document], None], output: str) -> Document:
    """Run it, and show its result: for programs, or for people, with a line for each complaint.

    Args:
        run: gives the result, with what did not hold in `complaints`.
        show: writes a result for people.
        output: `json` for programs.
    """
    from hub.commands.session import refusals_as_exit, say_error, say_json

    signal.signal(signal.SIGTERM, _end)
    with refusals_as_exit():
        document = run()
    if output == "json":
        say_json(document)
    else:
        show(document)
    for text in document["complaints"]:
        say_error(text)
    return document


def _end(_number: int, _frame: "FrameType | None") -> None:
    raise KeyboardInterrupt
