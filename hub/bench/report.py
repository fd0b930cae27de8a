"""Shows a result to people: one table with units, the median of the runs and their spread."""

from typing import Any

from rich.console import Console
from rich.table import Table

from hub.bench.options import OWNERS
from hub.bench.yardstick import swing_of

LATENCIES = {"p50": "p50", "p99": "p99", "p999": "p99.9", "max": "largest",
             "direct_p50": "directly, p50", "direct_p99": "directly, p99"}  # fmt: skip
Document = dict[str, Any]
Spread = dict[str, float]


def show(document: Document) -> None:
    """Write the tables to standard output."""
    console = Console(highlight=False)
    console.print(f"hub bench {document['scenario']} · {_said(document)}", markup=False)
    console.print(table_of(document))
    console.print(costs_of(document))
    for line in lines_of(document):
        console.print(line, markup=False)


def show_all(document: Document) -> None:
    """Write the table of `hub bench all` to standard output."""
    console, table = Console(highlight=False), Table()
    for title in ("what", "measured", "aim", "hub bench"):
        table.add_column(title)
    for row in document["table"]:
        measured = row["measured"] + (" (missed)" if row["missed"] else "")
        table.add_row(row["what"], measured, row["aim"], row["command"].replace("`", ""))
    console.print(table)
    for text in filter(None, [*document["notes"], swing_of(document["machine"])]):
        console.print(text, markup=False)


def table_of(document: Document) -> Table:
    """Return throughput, latency and the counts."""
    summary, first = document["summary"], document["runs"][0]
    table = Table()
    for name in ("", "figure", "spread", "unit"):
        table.add_column(name, justify="right" if name in ("figure", "spread") else "left")
    table.add_row(first["what"], *_figures(summary["throughput"], 0), f"{first['unit']}/s")
    for name, shown in LATENCIES.items():
        if name in summary["latency_ms"]:
            table.add_row(f"{shown} of {first['latency_of']}", *_figures(summary["latency_ms"][name], 2), "ms")
    for name in first["counts"]:
        table.add_row(name, ", ".join(f"{run['counts'][name]:,}" for run in document["runs"]), "", first["unit"])
    for name, unit in first["figure_units"].items():
        table.add_row(name, *_figures(summary["figures"][name], 2), unit)
    table.add_row("hub up until ready", *_figures(summary["ready_seconds"], 2), "s")
    answers = "; ".join(_statuses(run["statuses"]) for run in document["runs"])
    table.add_row("answers by status", answers, "", "requests")
    return table


def costs_of(document: Document) -> Table:
    """Return CPU time and memory by process."""
    summary = document["summary"]
    table = Table()
    table.add_column("process")
    unit = document["runs"][0]["unit"]
    for name in (f"CPU s / 1,000 {unit}", "spread", "peak memory MB", "spread", "idle memory MB"):
        table.add_column(name, justify="right")
    cpu, peak, idle = (summary[name] for name in ("cpu_seconds_per_1000", "peak_memory_mb", "idle_memory_mb"))
    for kind in sorted({*cpu, *peak}, key=lambda kind: (kind == "total", kind)):
        row = (*_figures(cpu.get(kind), 3), *_figures(peak.get(kind), 0), _figures(idle.get(kind), 0)[0])
        table.add_row(kind, *row)
    return table


def lines_of(document: Document) -> list[str]:
    """Return the comparison, if there is one, and what did not hold."""
    said = [f"Did not hold: {text}" for text in document["complaints"]]
    peer = document.get("peer")
    if peer is not None:
        rate, cost = (peer["summary"][name] for name in ("throughput", "cpu_seconds_per_1000"))
        unit = document["runs"][0]["unit"]
        shown, ratio = _figures(rate, 0), _figures(document["ratio"], 2)
        said.insert(
            0,
            f"Peer '{peer['name']}': {' '.join(shown).strip()} {unit}/s, {cost['total']['median']:.3f} CPU s per 1,000 "
            f"{unit}. The hub makes {' '.join(ratio).strip()} of its throughput.",
        )
    return [*said, *filter(None, [swing_of(document["machine"])])]


def _said(document: Document) -> str:
    options, machine = document["options"], document["machine"]
    if document["scenario"] not in OWNERS["seconds"]:
        return f"{options['applications']:,} Applications, {machine['cpus']} CPUs"
    rate = f"{options['rate']:g} events/s asked for" if options["rate"] else "as fast as answered"
    batches = f" in batches of {options['batch']}" if options["batch"] > 1 else ""
    runs = f"{options['repeat']} × {options['seconds']:g} s"
    sizes = f"{options['size']} bytes{batches}, {options['connections']} connections"
    return f"{rate}, {sizes}, {runs}, {machine['cpus']} CPUs"


def _figures(spread: Spread | None, digits: int) -> tuple[str, str]:
    if spread is None:
        return "–", ""
    low, high = spread["low"], spread["high"]
    range_of = f"{low:,.{digits}f} – {high:,.{digits}f}" if low != high else ""
    return f"{spread['median']:,.{digits}f}", range_of


def _statuses(statuses: dict[str, int]) -> str:
    return ", ".join(f"{status} × {number:,}" for status, number in statuses.items()) or "none"
