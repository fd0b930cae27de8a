"""Was anything lost? Judged by what the receivers wrote down. Pure."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import groupby

from hub.bench.figures import latency_of
from hub.bench.journal import Arrivals
from hub.bench.pacing import NANOSECONDS

SHOWN = 5
"""How many numbers of lost events are named."""


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the events of one receiver."""

    receiver: str
    accepted: int
    """Events that were answered 2xx; their numbers are those below this one."""
    arrivals: Arrivals
    given_up: Collection[int] = ()
    """Numbers of those whose dead letters were dropped."""

    @property
    def lost(self) -> list[int]:
        """Return the numbers of what neither arrived nor was given up."""
        settled = (self.arrivals.first, self.given_up)
        return [number for number in range(self.accepted) if not any(number in each for each in settled)]

    def complaints(self) -> list[str]:
        """Return what does not balance, one sentence each."""
        lost, found = self.lost, []
        if lost:
            named = ", ".join(map(str, lost[:SHOWN]))
            found.append(f"{len(lost)} accepted events neither reached {self.receiver} nor its dead letters: {named} …")
        strange = sum(number >= self.accepted for number in self.arrivals.first)
        if strange:
            found.append(f"{strange} events reached {self.receiver} that were not accepted.")
        return found

    def figures(self) -> dict[str, int]:
        """Return the counts."""
        return {
            "accepted": self.accepted,
            "arrived": len(self.arrivals.first),
            "given up": len(self.given_up),
            "arrived again": self.arrivals.repeated,
            "lost": len(self.lost),
        }


def latencies(
    arrivals: Arrivals, failures_of: Callable[[int], int], began: int, window_seconds: float
) -> list[dict[str, float]]:
    """Return the percentiles of the time from post due to arrival, window by window.

    Args:
        arrivals: by number.
        failures_of: how often an event failed on purpose: those that did came late.
        began: nanoseconds of the monotonic clock that count as 0.
        window_seconds: width of a window.
    """
    width = int(window_seconds * NANOSECONDS)
    timed = sorted((due, at - due) for number, (due, at) in arrivals.first.items() if not failures_of(number))
    windows = groupby(timed, key=lambda each: (each[0] - began) // width)
    return [{"at": place * window_seconds} | latency_of([taken for _, taken in each]) for place, each in windows]
