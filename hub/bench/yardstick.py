"""How quick this machine was while it was measured: one fixed piece of work, timed before each run.

Virtual machines share their cores with others and are half as quick for minutes at a time. Two reports are compared by
this before their absolute figures are.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

_STEPS = 500_000
_WORTH_SAYING = 1.15


def lap_ms() -> float:
    """Do the work once and return how long it took, in milliseconds; 30 to 100 on machines of today."""
    began, total = time.perf_counter(), 0
    for step in range(_STEPS):
        total += step * step
    return round((time.perf_counter() - began) * 1000, 1)


def swing_of(machine: Mapping[str, Any]) -> str:
    """Say how much the machine's speed changed; nothing where it was the same."""
    laps: Sequence[float] = machine.get("laps_ms", ())
    if not laps or max(laps) < min(laps) * _WORTH_SAYING:
        return ""
    return (
        f"The machine itself was up to {max(laps) / min(laps):.1f} times slower at some runs than at others (the same "
        f"work took {min(laps):.0f} to {max(laps):.0f} ms before them): ratios hold, absolute figures less."
    )
