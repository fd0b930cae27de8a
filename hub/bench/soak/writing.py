"""The report of a soak: tables of what was judged, and each figure over time."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from hub.bench import markdown, plots
from hub.bench.soak.verdict import MOST_GROWTH, WARM_UP_SHARE
from hub.bench.writing import keep

Document = Mapping[str, Any]
_OVER_TIME = {
    "memory_mb": ("memory without pages of files, shared ones in parts", "MB"),
    "files": ("open files", "files"),
    "threads": ("threads", "threads"),
}


def write(document: Document, folder: Path) -> None:
    """Write the report of a soak, whose samples are in a file."""
    samples = [orjson.loads(line) for line in Path(document["samples"]).read_bytes().splitlines()]
    files = dict(_plots(document, samples, folder))
    keep(document, text_of(document, files), folder)


def _plots(document: Document, samples: list[Document], folder: Path) -> Iterator[tuple[str, str]]:
    kinds = sorted({kind for sample in samples for kind in sample["processes"]})
    for figure, (title, unit) in _OVER_TIME.items():
        series = {
            kind: [(each["at"], each["processes"][kind][figure]) for each in samples if kind in each["processes"]]
            for kind in kinds
        }
        plots.lines(folder / f"soak-{figure}.png", title, unit, series)
        yield title, f"soak-{figure}.png"
    streams = sorted(name for name, held in document["streams"].items() if held["messages"] or held["cleared"])
    for figure, scale, unit in (("bytes", 1e6, "MB"), ("messages", 1e3, "thousand")):
        sizes = {
            name: [(each["at"], each["streams"].get(name, {}).get(figure, 0) / scale) for each in samples]
            for name in streams
        }
        plots.lines(folder / f"soak-streams-{figure}.png", f"streams, {figure}", unit, sizes)
        yield f"streams, {figure}", f"soak-streams-{figure}.png"
    logs = {"logs": [(each["at"], each["log_bytes"] / 1e6) for each in samples]}
    plots.lines(folder / "soak-logs.png", "log files", "MB", logs)
    yield "log files", "soak-logs.png"
    timed = {name: [(each["at"], each[name]) for each in document["latency_ms"]] for name in ("p50", "p99")}
    plots.lines(folder / "soak-latency.png", "post due → received by the sink, first attempts", "ms", timed)
    yield "latency", "soak-latency.png"


def text_of(document: Document, files: Mapping[str, str]) -> str:
    """Return the report as Markdown."""
    options = document["options"]
    judged = (
        f"Growth is that of a line through the medians of windows, after the first {WARM_UP_SHARE:.0%} of the time; "
        f"more than {MOST_GROWTH:.0%} is too much."
        if document["judged"]
        else "Too short to judge growth; it is only shown."
    )
    parts = [
        "# hub bench soak",
        markdown.machine(document["machine"]),
        f"{options['minutes']:g} minutes, {options['rate']:g} events/s, {document['days']} days.",
        markdown.complaints(document["complaints"]),
        markdown.table(("events", "accepted", "arrived", "given up", "arrived again", "lost"), _events(document)),
        judged,
        markdown.table(
            ("process", "memory MB", "at the end", "growth", "open files", "at the end", "threads", "at the end"),
            _processes(document),
        ),
        markdown.table(
            ("stream", "messages", "bytes", "most bytes", "limit", "cleared", "consumers"), _streams(document)
        ),
        *markdown.images(files),
    ]
    return "\n\n".join(parts) + "\n"


def _events(document: Document) -> Iterator[list[str]]:
    for receiver, figures in document["events"].items():
        yield [f"to {receiver}", *(f"{figures[name]:,}" for name in figures)]


def _processes(document: Document) -> Iterator[list[str]]:
    trends = document["trends"]
    for kind, memory in trends["memory_mb"].items():
        counts = [f"{trends[figure][kind][when]:.0f}" for figure in ("files", "threads") for when in ("begin", "end")]
        yield [kind, f"{memory['begin']:.1f}", f"{memory['end']:.1f}", f"{memory['share']:+.1%}", *counts]


def _streams(document: Document) -> Iterator[list[str]]:
    names = ("messages", "bytes", "most_bytes", "limit_bytes", "cleared", "consumers")
    for name, held in sorted(document["streams"].items()):
        if held["messages"] or held["cleared"]:
            yield [name, *(f"{held[each]:,}" if held[each] >= 0 else "–" for each in names)]
