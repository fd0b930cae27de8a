"""Does anything grow? Trends over the samples of a soak, judged. Pure.

A trend is the line through the medians of windows whose slope is the median of all slopes between two of them
(Theil and Sen): single samples, and the saw teeth of garbage collectors and of streams that are cleared, do not tilt
it. The warm-up is left out.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

Sample = Mapping[str, Any]
WARM_UP_SHARE = 1 / 6
WINDOWS = 12
LEAST_SAMPLES = 2 * WINDOWS
FIGURES = ("memory_mb", "resident_mb", "files", "threads")
JUDGED_SECONDS = 240.0
"""A trend over less time than this is told and not judged: it is that of a program which has just been started."""
MOST_GROWTH = 0.05
SLACK_MEGABYTES, SLACK_COUNT, SLACK_MESSAGES = 2.0, 3.0, 50.0
"""What may be added in any case, to a single process or stream: a share of little is nothing."""


@dataclass(frozen=True, slots=True)
class Trend:
    """What a figure was after the warm-up and at the end, by the line through its windows."""

    begin: float
    end: float

    @property
    def growth(self) -> float:
        """Return by how much it grew."""
        return self.end - self.begin

    @property
    def share(self) -> float:
        """Return by which share of the beginning it grew."""
        return self.growth / self.begin if self.begin else 0.0

    def exceeds(self, share: float, slack: float) -> bool:
        """Say whether it grew by more than a share, and by more than may be added in any case."""
        return self.growth > slack and self.growth > share * self.begin


def steady(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples after the warm-up."""
    if not samples:
        return []
    first = samples[0]["at"] + (samples[-1]["at"] - samples[0]["at"]) * WARM_UP_SHARE
    return [sample for sample in samples if sample["at"] >= first]


def is_judged(samples: Sequence[Sample]) -> bool:
    """Say whether there is enough to tell a trend from a start."""
    kept = steady(samples)
    return len(kept) >= LEAST_SAMPLES and kept[-1]["at"] - kept[0]["at"] >= JUDGED_SECONDS


def trend_of(points: Sequence[tuple[float, float]]) -> Trend | None:
    """Return the trend of a figure over time; None of fewer than two points.

    Args:
        points: when, in seconds, and how much; in the order of time.
    """
    if len(points) < 2:
        return None
    size = max(1, -(-len(points) // WINDOWS))
    windows = [points[begin : begin + size] for begin in range(0, len(points), size)]
    middles = [(statistics.median(at for at, _ in each), statistics.median(y for _, y in each)) for each in windows]
    slopes = [(b - a) / (later - sooner) for (sooner, a), (later, b) in combinations(middles, 2) if later > sooner]
    slope = statistics.median(slopes) if slopes else 0.0
    height = statistics.median(y - slope * at for at, y in middles)
    return Trend(height + slope * points[0][0], height + slope * points[-1][0])


def trends_of(samples: Sequence[Sample], figure: str) -> dict[str, Trend]:
    """Return the trend of a figure of each kind of process, of those that are there in each sample, and of `total`."""
    kept = steady(samples)
    kinds = {kind for sample in kept for kind in sample["processes"]}
    always = [kind for kind in sorted(kinds) if all(kind in sample["processes"] for sample in kept)]
    lines = {kind: [(each["at"], float(each["processes"][kind][figure])) for each in kept] for kind in always}
    lines["total"] = [(each["at"], float(sum(of[figure] for of in each["processes"].values()))) for each in kept]
    found = {kind: trend_of(points) for kind, points in lines.items()}
    return {kind: trend for kind, trend in found.items() if trend is not None}


def told(samples: Sequence[Sample]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the trends of memory, open files and threads for the result."""
    return {
        figure: {
            kind: {"begin": round(trend.begin, 2), "end": round(trend.end, 2), "share": round(trend.share, 4)}
            for kind, trend in trends_of(samples, figure).items()
        }
        for figure in FIGURES
    }


def streams_of(samples: Sequence[Sample]) -> dict[str, dict[str, float]]:
    """Return what each stream held at most and at the end, and how much was cleared away in front."""
    last = samples[-1]["streams"] if samples else {}
    return {
        name: {
            "most_bytes": max(sample["streams"][name]["bytes"] for sample in samples if name in sample["streams"]),
            "bytes": state["bytes"],
            "messages": state["messages"],
            "cleared": max(0, state["first"] - 1),
            "consumers": state["consumers"],
            "limit_bytes": state["limit_bytes"],
        }
        for name, state in last.items()
    }


def complaints_of(samples: Sequence[Sample]) -> list[str]:
    """Return what grows, one sentence each."""
    if not is_judged(samples):
        return list(_over_limit(samples))
    return [*_memory(samples), *_handles(samples), *_over_limit(samples), *_streams(samples)]


def _memory(samples: Sequence[Sample]) -> Iterator[str]:
    for kind, trend in trends_of(samples, "memory_mb").items():
        slack = 0.0 if kind == "total" else SLACK_MEGABYTES
        if trend.exceeds(MOST_GROWTH, slack):
            yield f"The memory of {kind} grew from {trend.begin:.1f} to {trend.end:.1f} MB ({trend.share:+.1%})."


def _handles(samples: Sequence[Sample]) -> Iterator[str]:
    for figure, what in (("files", "open files"), ("threads", "threads")):
        for kind, trend in trends_of(samples, figure).items():
            if trend.exceeds(MOST_GROWTH, SLACK_COUNT):
                yield f"{kind}: {what} grew from {trend.begin:.0f} to {trend.end:.0f}."


def _over_limit(samples: Sequence[Sample]) -> Iterator[str]:
    last = samples[-1]["streams"] if samples else {}
    for name in last:
        limit = last[name]["limit_bytes"]
        most = max(sample["streams"].get(name, {}).get("bytes", 0) for sample in samples)
        if 0 < limit < most:
            yield f"The stream {name} held {most:,} bytes; its limit is {limit:,}."


def _streams(samples: Sequence[Sample]) -> Iterator[str]:
    kept = steady(samples)
    for name, last in kept[-1]["streams"].items():
        points = {
            figure: [(each["at"], float(each["streams"][name][figure])) for each in kept if name in each["streams"]]
            for figure in ("messages", "consumers")
        }
        messages, consumers = trend_of(points["messages"]), trend_of(points["consumers"])
        is_limited = last["limit_bytes"] > 0 or last["limit_seconds"] > 0
        if messages and not is_limited and messages.exceeds(MOST_GROWTH, SLACK_MESSAGES):
            numbers = f"{messages.begin:,.0f} to {messages.end:,.0f}"
            yield f"The stream {name}, which has no limit, grew from {numbers} messages."
        if consumers and consumers.exceeds(MOST_GROWTH, SLACK_COUNT):
            yield f"The stream {name} went from {consumers.begin:.0f} to {consumers.end:.0f} consumers."
