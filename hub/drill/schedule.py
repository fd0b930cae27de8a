"""Which faults strike, in which order and after which pauses: all of it follows from the seed. Pure.

The schedule is a row of faults, not of times: the next one begins when the hub has recovered from the one before, so
the same seed gives the same row on a slow machine and on a fast one.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from hub.drill.events import SINKS_TO_FAIL
from hub.kernel.errors import InvalidInput

WORKERS = ("edge", "inside", "dispatch", "control")
STORE = "nats-server"
EVERYTHING, ALL_WORKERS, FUNCTION = "everything", "all workers", "function"
TARGETS: dict[str, tuple[str, ...]] = {
    "kill": (*WORKERS, ALL_WORKERS, FUNCTION),
    "store": (STORE, EVERYTHING),
    "pause": (*WORKERS, STORE),
    "fill": ("EVENTS",),
    "sink": tuple(f"{name}:{mood}" for mood in ("fail", "hang", "lie") for name in SINKS_TO_FAIL),
    "cut": tuple(f"{line}:{how}" for how in ("reset", "midway", "stall") for line in ("edge", "store", "sinks")),
    "clock": ("+7200", "-7200", "+45", "-45"),
}
"""What each kind of fault can strike. Clocks are moved by seconds."""
LASTING: dict[str, tuple[float, float]] = {
    "pause": (0.5, 6.0), "fill": (1.0, 3.0), "sink": (3.0, 6.0), "cut": (0.5, 5.0), "clock": (1.0, 4.0),
}  # fmt: skip
"""Seconds that a fault lasts, from and to; kills are over at once."""
COMPANIONS = {"kill": "dispatch", "store": STORE}
"""Who may be killed in the middle of a fault that lasts, where that kind of fault is asked for too."""
LONELY = ("pause", "cut")
"""Kinds that nothing else joins: a process that stands still, or one that is cut off, may be the one to be killed."""
SHARE_WITH_COMPANION = 1 / 3
SHOCKS = ("reset", "midway")
"""Ways to cut connections that are over at once too."""
PAUSE_SECONDS = (0.1, 1.5)
"""Between recovery and the next fault, from and to: so that it strikes at no moment in particular."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of the schedule."""

    number: int
    kind: str
    target: str
    seconds: float
    """How long it lasts; 0 for what is over at once."""
    pause_seconds: float
    """How long the hub is left alone before it."""
    companion: str = ""
    """The process that is killed half-way through; none when empty."""

    @property
    def title(self) -> str:
        """Return it in words."""
        return f"{self.kind} {self.target}" + (f" and kill {self.companion}" if self.companion else "")

    def as_document(self) -> dict[str, Any]:
        """Return its machine-readable form."""
        return asdict(self)


def check(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds without repeats; none means all.

    Raises:
        InvalidInput: one is no kind of fault.
    """
    unknown = [kind for kind in kinds if kind not in TARGETS]
    if unknown:
        raise InvalidInput(f"The drill knows no fault '{unknown[0]}'; it has {', '.join(TARGETS)}.")
    return tuple(dict.fromkeys(kinds)) or tuple(TARGETS)


def faults(seed: int, kinds: Sequence[str]) -> Iterator[Fault]:
    """Give the faults of a seed, without end.

    Rounds in which every kind comes once; of each kind every target comes before any comes again.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable, which is the point
    decks: dict[str, list[str]] = {kind: [] for kind in kinds}
    number = 0
    while True:
        for kind in chance.sample(list(kinds), len(kinds)):
            if not decks[kind]:
                decks[kind] = chance.sample(TARGETS[kind], len(TARGETS[kind]))
            number += 1
            fault = _fault(chance, number, kind, decks[kind].pop())
            yield replace(fault, companion=_companion(chance, fault, kinds))


def _companion(chance: random.Random, fault: Fault, kinds: Sequence[str]) -> str:
    """Return who is killed half-way through; drawn for every fault, as are its times."""
    share, name = chance.random(), chance.choice(sorted(COMPANIONS))
    joins = share < SHARE_WITH_COMPANION and name in kinds and fault.seconds > 0 and fault.kind not in LONELY
    return COMPANIONS[name] if joins else ""


def _fault(chance: random.Random, number: int, kind: str, target: str) -> Fault:
    # Both numbers are drawn for every fault, so that what one lasts does not change the ones after it.
    lasting, pause = chance.random(), chance.random()
    least, most = (0.0, 0.0) if target.endswith(SHOCKS) else LASTING.get(kind, (0.0, 0.0))
    shortest, longest = PAUSE_SECONDS
    seconds = round(least + lasting * (most - least), 2)
    return Fault(number, kind, target, seconds, round(shortest + pause * (longest - shortest), 2))
