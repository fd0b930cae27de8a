"""The plots of a report, PNG files.

matplotlib comes with the extra `bench` and is loaded only when a report is asked for.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.bench.usage import OWN
from hub.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Document = Mapping[str, Any]
Line = Sequence[tuple[float, float]]
_PERCENTILES = {"p50": "p50", "p99": "p99", "p999": "p99.9"}
_INCHES, _DOTS = (8.0, 3.2), 110
_BAR = 0.8


def check() -> None:
    """Refuse to plot where there is nothing to plot with.

    Raises:
        Misconfigured: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise Misconfigured("A report needs matplotlib for its plots; run `pip install 'integration-hub[bench]'`.")


def plots_of(document: Document, folder: Path, name: str) -> dict[str, str]:
    """Draw what a benchmark found; returns the files by what they show.

    Args:
        document: the result of one scenario.
        folder: where to.
        name: how the files begin.
    """
    found = {"throughput of each run": _throughput, "CPU time": _cpu, "memory": _memory}
    if document["summary"]["latency_ms"]:
        found["latency"] = _latency
    files = {}
    for what, draw in found.items():
        files[what] = f"{name}-{what.split()[0].lower()}.png"
        with _Figure(folder / files[what]) as axes:
            draw(axes, document)
    return files


def lines(file: Path, title: str, unit: str, series: Mapping[str, Line]) -> None:
    """Draw figures over time, in minutes."""
    with _Figure(file) as axes:
        for name, points in series.items():
            axes.plot([at / 60 for at, _ in points], [value for _, value in points], label=name, linewidth=1)
        axes.set(title=title, xlabel="minutes", ylabel=unit, ylim=(0, None))
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize="small")


class _Figure:
    """One figure, written when its block ends; no window and no state of the library is touched."""

    def __init__(self, file: Path) -> None:
        from matplotlib.figure import Figure

        self._file = file
        self._figure = Figure(figsize=_INCHES, layout="constrained")

    def __enter__(self) -> "Axes":
        axes = self._figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        return axes

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._figure.savefig(self._file, dpi=_DOTS)


def _sides(document: Document) -> dict[str, Document]:
    """Return the hub and, where there is one, the peer."""
    peer = document.get("peer")
    return {"hub": document} | ({peer["name"]: peer} if peer else {})


def _throughput(axes: "Axes", document: Document) -> None:
    sides = _sides(document)
    for place, (name, side) in enumerate(sides.items()):
        rates = [run["throughput"] for run in side["runs"]]
        at = [number + 1 + (place - (len(sides) - 1) / 2) * _BAR / len(sides) for number in range(len(rates))]
        axes.bar(at, rates, _BAR / len(sides), label=name)
    axes.set(title=document["runs"][0]["what"], xlabel="run", ylabel=f"{document['runs'][0]['unit']}/s")
    axes.set_xticks(range(1, len(document["runs"]) + 1))
    axes.legend(frameon=False)


def _latency(axes: "Axes", document: Document) -> None:
    for place, (name, side) in enumerate(_sides(document).items()):
        found = side["summary"]["latency_ms"]
        names = [each for each in _PERCENTILES if each in found]
        at = [number + place * _BAR / 2 for number in range(len(names))]
        axes.bar(at, [found[each]["median"] for each in names], _BAR / 2, label=name)
        axes.set_xticks(range(len(names)), [_PERCENTILES[each] for each in names])
    axes.set(title=document["runs"][0]["latency_of"], ylabel="ms")
    axes.legend(frameon=False)


def _cpu(axes: "Axes", document: Document) -> None:
    _stack(axes, document, "cpu_seconds_per_1000")
    axes.set(title=f"CPU time per 1,000 {document['runs'][0]['unit']}", ylabel="seconds")


def _memory(axes: "Axes", document: Document) -> None:
    _stack(axes, document, "peak_memory_mb")
    axes.set(title="largest resident memory", ylabel="MB")


def _stack(axes: "Axes", document: Document, group: str) -> None:
    """Draw one bar per side, the processes on top of each other; the benchmark's own are left out."""
    sides = _sides(document)
    found = {name: side["summary"][group] for name, side in sides.items()}
    kinds = sorted({kind for each in found.values() for kind in each} - {"total", *OWN})
    heights = dict.fromkeys(found, 0.0)
    for kind in kinds:
        parts = {name: each.get(kind, {}).get("median", 0.0) for name, each in found.items()}
        axes.bar(list(parts), list(parts.values()), _BAR / 2, bottom=list(heights.values()), label=kind)
        heights = {name: heights[name] + part for name, part in parts.items()}
    axes.set_xlim(-1, len(found))
    if kinds:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize="small")
