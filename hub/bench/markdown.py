"""Results as Markdown: what was measured, on what, and which command measures it again. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hub.bench.yardstick import swing_of

Document = Mapping[str, Any]
_LATENCIES = {"p50": "p50", "p99": "p99", "p999": "p99.9", "max": "largest"}


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def whole(document: Document, files: Mapping[str, Mapping[str, str]]) -> str:
    """Return the report of `hub bench all`.

    Args:
        document: its result.
        files: the plots of each run, by what they show.
    """
    parts = ["# How fast is it?", machine(document["machine"]), aims(document["table"])]
    parts += [complaints(document["complaints"]), notes(document["notes"])]
    for name, run in document["runs"].items():
        parts += [f"## {name}", *_parts_of(run), *images(files.get(name, {}))]
    return _joined(parts)


def single(document: Document, files: Mapping[str, str]) -> str:
    """Return the report of one scenario."""
    title = f"# hub bench {document['scenario']}"
    return _joined([title, machine(document["machine"]), *_parts_of(document), *images(files)])


def aims(rows: Iterable[Mapping[str, str]]) -> str:
    """Return the table of the README, with what is missed."""
    titles = ("what", "measured", "aim", "missed", "`hub bench`")
    names = ("what", "measured", "aim", "missed", "command")
    return table(titles, ([row[name] for name in names] for row in rows))


def machine(found: Mapping[str, Any]) -> str:
    """Return what the figures depend on besides the hub."""
    said = (
        f"Hub {found['hub']}, Python {found['python']}, {found['system']}, {found['cpus']} CPUs; load of the machine "
        f"before: {found['load_before']}. Hub, nats-server, load and receivers share the CPUs."
    )
    return f"{said} {swing_of(found)}".rstrip()


def complaints(texts: Sequence[str]) -> str:
    """Return what did not hold."""
    if not texts:
        return "Every event is accounted for."
    return "\n".join(("Did not hold:\n", *(f"- {text}" for text in texts)))


def notes(texts: Sequence[str]) -> str:
    """Return what else is to be known."""
    return "\n".join(f"- {text}" for text in texts)


def images(files: Mapping[str, str]) -> list[str]:
    """Return the plots."""
    return [f"![{what}]({file})" for what, file in files.items()]


def _parts_of(document: Document) -> list[str]:
    return [
        _options(document),
        table(("figure", "median", "spread"), _figures(document)),
        _peer(document),
        table(("process", "CPU s per 1,000", "spread", "largest memory, MB"), _costs(document)),
        complaints(document["complaints"]),
    ]


def _options(document: Document) -> str:
    given = {name: value for name, value in document["options"].items() if value not in (None, 0, "")}
    return ", ".join(f"{name.replace('_', '-')} {value}" for name, value in given.items())


def _figures(document: Document) -> Iterator[tuple[str, str, str]]:
    summary, first = document["summary"], document["runs"][0]
    yield first["what"], *spread(summary["throughput"], 0, f" {first['unit']}/s")
    for name, shown in _LATENCIES.items():
        if name in summary["latency_ms"]:
            yield f"{shown}, {first['latency_of']}", *spread(summary["latency_ms"][name], 2, " ms")
    for name, unit in first["figure_units"].items():
        yield name, *spread(summary["figures"][name], 2, f" {unit}")
    for name in first["counts"]:
        yield name, ", ".join(f"{run['counts'][name]:,}" for run in document["runs"]), ""
    yield "hub up until ready", *spread(summary["ready_seconds"], 2, " s")


def _peer(document: Document) -> str:
    peer = document.get("peer")
    if not peer:
        return ""
    rate = " ".join(spread(peer["summary"]["throughput"], 0, "/s"))
    ratio = " ".join(spread(document["ratio"], 2, "")) if document["ratio"] else "none"
    return f"Peer {peer['name']}: {rate}. The hub makes {ratio} of it."


def _costs(document: Document) -> Iterator[tuple[str, str, str, str]]:
    cpu, memory = (document["summary"][name] for name in ("cpu_seconds_per_1000", "peak_memory_mb"))
    for kind in sorted({*cpu, *memory}, key=lambda kind: (kind == "total", kind)):
        of_cpu = spread(cpu[kind], 3, "") if kind in cpu else ("–", "")
        yield kind, *of_cpu, spread(memory[kind], 0, "")[0] if kind in memory else "–"


def spread(found: Mapping[str, float], digits: int, unit: str) -> tuple[str, str]:
    """Return the median with its unit, and the range where there is one."""
    low, high = found["low"], found["high"]
    return f"{found['median']:,.{digits}f}{unit}", f"{low:,.{digits}f} – {high:,.{digits}f}" if low != high else ""


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"
