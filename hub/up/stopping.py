"""Stops children in order: the workers first, then the event store they speak with."""

import signal
import time
from collections.abc import Callable, Sequence

from hub.up.child import Child
from hub.up.wakeups import Wakeups


def ask(children: Sequence[Child]) -> None:
    """Tell running children to end, all at the same time."""
    for child in children:
        child.state = "stopping"
        child.signal(signal.SIGTERM)


def await_end(children: Sequence[Child], wakeups: Wakeups, *, seconds: float, forced: Callable[[], bool]) -> None:
    """Return when the children have ended.

    Args:
        children: they were asked to.
        wakeups: to sleep on.
        seconds: after these, who still runs is killed.
        forced: true as soon as somebody wants the end at once.
    """
    deadline = time.monotonic() + seconds
    while running := _alive(children, wakeups):
        left = deadline - time.monotonic()
        if left <= 0 or forced():
            _kill(running)
            left = seconds  # nothing outlives a kill; the sleep only has to end
        wakeups.wait(left, children=len(running))
    for child in children:
        child.state = "stopped"


def _alive(children: Sequence[Child], wakeups: Wakeups) -> list[Child]:
    alive = []
    for child in children:
        pid = child.pid
        if child.reap() is None and pid is not None:
            alive.append(child)
        elif pid is not None:
            wakeups.forget(pid)
    return alive


def _kill(children: Sequence[Child]) -> None:
    for child in children:
        child.signal(signal.SIGKILL)
