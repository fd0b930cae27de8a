"""Waits, with a limit, until what a benchmark started is there."""

import contextlib
import socket
import time
from collections.abc import Callable

from hub.kernel.errors import UpstreamUnavailable

START_SECONDS = 20.0
_POLL_SECONDS = 0.02


def takes_connections(port: int) -> bool:
    """Say whether something on this machine accepts connections at a port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def await_fact(fact: Callable[[], bool], who: str) -> None:
    """Return when the fact holds; it is asked again and again.

    Raises:
        UpstreamUnavailable: it does not hold in time; the text names who did not start.
    """
    limit = time.monotonic() + START_SECONDS
    while not fact():
        if time.monotonic() > limit:
            raise UpstreamUnavailable(f"{who} did not start within {START_SECONDS:.0f} s; what it said stands above.")
        time.sleep(_POLL_SECONDS)
