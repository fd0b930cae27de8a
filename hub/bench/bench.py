"""What a scenario works with: the options, the hub, the meter; and what it returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.bench.driving import Hear, Line, run_load
from hub.bench.options import Options
from hub.bench.plan import Plan
from hub.bench.stage import Stage
from hub.bench.usage import Meter, Pids
from hub.commands.session import Session


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run found."""

    what: str
    """What `throughput` counts."""
    throughput: float
    """Events per second."""
    latency: dict[str, float]
    """Milliseconds: p50, p99, p999, max; empty when nothing was timed."""
    latency_of: str
    """From when to when."""
    counts: dict[str, int]
    """What must balance: accepted, stored, delivered …"""
    statuses: dict[str, int]
    """Answers by status, and what was not answered."""
    measured: int
    """Events that the CPU time is divided by."""
    complaints: list[str] = field(default_factory=list)
    """What did not hold, one sentence each; none when all did."""
    seconds: float = 0.0
    """How long the measured part took."""
    unit: str = "events"
    """What is counted, in the plural."""
    figures: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    """What else was measured, each with its unit."""


class Bench:
    """One run of a scenario: its hub, and the processes of the benchmark beside it."""

    def __init__(self, options: Options, stage: Stage, session: Session, hear: Hear) -> None:
        """Prepare; `hear` is told how far the run is."""
        self.options = options
        self.stage = stage
        self.session = session
        self.hear = hear
        self.own: dict[str, list[int]] = {}
        self.meter = Meter(self.pids)

    def pids(self) -> Pids:
        """Return the pids of the hub's processes and of the benchmark's own."""
        return {**self.stage.pids(), **self.own}

    async def load(self, plan: Plan, *, metered: bool = True, meter: Meter | None = None) -> Line:
        """Run a load; with `metered` a meter takes the CPU time of its measured part: that of the run, or another."""

        def hear(line: Line) -> None:
            if "pid" in line:
                self.own["load"] = [line["pid"]]
            if metered:
                (meter or self.meter).hear(line)
            self.hear(line)

        try:
            return await run_load(plan, hear)
        finally:
            self.own.pop("load", None)


def complaints_of(result: Line) -> list[str]:
    """Return what was wrong with the answers to a load."""
    found = [result["failure"]] if result["failure"] else []
    for status, number in result["statuses"].items():
        if not status.startswith("2"):
            said = f"were answered {status}" if status.isdigit() else f"ended as '{status}'"
            found.append(f"{number} requests {said}.")
    if not result["measured"]:
        found.append("No event was accepted in the measured time; raise --seconds or lower --warm-up.")
    return found


def measured_load(options: Options, result: Line, what: str, counts: dict[str, int]) -> Measured:
    """Return what a load found: one request after the other on each connection, or each when it was due.

    Args:
        options: whether the load kept a schedule.
        result: what the load generator says.
        what: its throughput counts.
        counts: what must balance.
    """
    return Measured(
        what=what,
        throughput=result["measured"] / result["seconds"] if result["seconds"] else 0.0,
        latency=result["latency"],
        latency_of="request due → answer read" if options.rate else "request sent → answer read",
        counts=counts,
        statuses=result["statuses"],
        measured=result["measured"],
        complaints=complaints_of(result),
        seconds=result["seconds"],
    )


def document_of(
    measured: Measured, meter: Meter, ready_seconds: float, idle_memory: dict[str, float]
) -> dict[str, Any]:
    """Return the machine-readable result of a run."""
    return {
        "held": not measured.complaints,
        "complaints": measured.complaints,
        "what": measured.what,
        "unit": measured.unit,
        "throughput": round(measured.throughput, 1),
        "latency_of": measured.latency_of,
        "latency_ms": measured.latency,
        "counts": measured.counts,
        "figures": {name: round(value, 3) for name, (value, _) in measured.figures.items()},
        "figure_units": {name: unit for name, (_, unit) in measured.figures.items()},
        "statuses": measured.statuses,
        "measured_seconds": round(measured.seconds, 3),
        "cpu_seconds_per_1000": meter.cpu_per_thousand(measured.measured),
        "peak_memory_mb": meter.peak_memory(),
        "ready_seconds": ready_seconds,
        "idle_memory_mb": idle_memory,
    }
