"""What becomes of a process that died: another start after a pause, or the end of the hub.

Pure: exit status, life time and the number of quick failures go in, the decision comes out.
"""

import signal
from dataclasses import dataclass

from hub.kernel.backoff import Backoff
from hub.up.plan import Limits

WRONG_SETTINGS = 2


@dataclass(frozen=True)
class Restart:
    """Start again after a pause; `quick_failures` is the new count."""

    wait_seconds: float
    quick_failures: int


@dataclass(frozen=True)
class GiveUp:
    """Do not start again; the reason is for people."""

    reason: str


def decide(status: int, *, served_seconds: float, quick_failures: int, limits: Limits) -> Restart | GiveUp:
    """Return what to do about a death.

    Args:
        status: exit status; the negated signal number when a signal ended the process.
        served_seconds: from its readiness to its death; 0 if it never became ready.
        quick_failures: deaths in a row before this one in which it had not become healthy.
        limits: the settings.
    """
    if status == WRONG_SETTINGS:
        return GiveUp("its settings cannot work (exit status 2)")
    failures = 1 if served_seconds >= limits.healthy_seconds else quick_failures + 1
    if failures >= limits.quick_failures:
        return GiveUp(f"it died {failures} times in a row, at last with {describe(status)}")
    backoff = Backoff(initial_seconds=limits.backoff_seconds, max_seconds=limits.backoff_max_seconds)
    return Restart(backoff.wait(failures), failures)


def describe(status: int) -> str:
    """Return an exit status as people say it."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
