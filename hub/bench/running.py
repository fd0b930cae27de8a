"""Runs a scenario as often as asked, each time on a fresh hub, and puts the runs together."""

import asyncio
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from hub import __version__
from hub.bench import peering
from hub.bench.bench import Bench, document_of
from hub.bench.driving import Hear
from hub.bench.figures import spread_of
from hub.bench.options import ALONE, Options
from hub.bench.stage import Stage, scratch, stage
from hub.bench.yardstick import lap_ms
from hub.commands.session import connected

Document = dict[str, Any]
SPREAD = ("throughput", "ready_seconds")
SPREAD_WITHIN = ("latency_ms", "figures", "cpu_seconds_per_1000", "peak_memory_mb", "idle_memory_mb")


def measure(options: Options, hear: Hear) -> Document:
    """Return the machine-readable result of all runs.

    Raises:
        HubError: a run could not be made at all.
    """
    if options.peer:
        peering.check(options.peer)
    runs: list[Document] = []
    of_peer: list[Document] = []
    laps: list[float] = []
    with scratch() as directory:
        for number in range(options.repeat):
            hear({"run": number + 1})
            laps.append(lap_ms())
            for is_peer in turns(number, has_peer=options.peer is not None):
                if is_peer:
                    hear({"phase": f"the peer '{options.peer}'"})
                    of_peer.append(_run_peer(options, directory, hear))
                else:
                    runs.append(_run_once(options, directory, hear))
    return {
        "scenario": options.scenario,
        "held": all(run["held"] for run in [*runs, *of_peer]),
        "complaints": [text for run in runs for text in run["complaints"]]
        + [f"Peer '{options.peer}': {text}" for run in of_peer for text in run["complaints"]],
        "options": asdict(options),
        "machine": machine(laps),
        "summary": summary_of(runs),
        "runs": runs,
        **_comparison(options, runs, of_peer),
    }


def turns(number: int, *, has_peer: bool) -> tuple[bool, ...]:
    """Return who runs in a turn, and in which order; True is the peer.

    Who goes first changes from turn to turn: on machines that are quick for a while and then held back, it matters.
    """
    if not has_peer:
        return (False,)
    return (False, True) if number % 2 == 0 else (True, False)


def _comparison(options: Options, runs: Sequence[Document], of_peer: Sequence[Document]) -> Document:
    """Return the peer's runs and, run by run, how many times its throughput the hub makes."""
    if not of_peer:
        return {}
    pairs = zip(runs, of_peer, strict=True)
    ratios = [round(mine["throughput"] / other["throughput"], 3) for mine, other in pairs if other["throughput"]]
    peer = {"name": options.peer, "summary": summary_of(of_peer), "runs": of_peer}
    return {"peer": peer, "ratio": spread_of(ratios) if ratios else None}


def _run_peer(options: Options, directory: Path, hear: Hear) -> Document:
    if options.peer == ALONE:
        return _run_once(options.alone(), directory, hear)
    return peering.measure_peer(options, directory, hear)


def _run_once(options: Options, directory: Path, hear: Hear) -> Document:
    settings = {"HUB_NATS__SYNC": options.sync, "HUB_CONNECTOR__AUTHORITY": options.authority}
    settings |= getattr(_scenario(options), "SETTINGS", {})
    with stage(directory, settings) as running:
        return asyncio.run(perform(options, running, hear))


def _scenario(options: Options) -> Any:
    """Return the module of a scenario: `run(bench)`, and `SETTINGS` that its hub has besides, if any."""
    return import_module(f"hub.bench.scenarios.{options.scenario}")


async def perform(options: Options, running: Stage, hear: Hear) -> Document:
    """Run a scenario once on a hub; returns the result of the run."""
    async with connected("hub bench") as session:
        bench = Bench(options, running, session, hear)
        async with bench.meter.sampling():
            measured = await _scenario(options).run(bench)
        return document_of(measured, bench.meter, running.ready_seconds, running.idle_memory)


def summary_of(runs: Sequence[Document]) -> Document:
    """Return median, lowest and highest of every figure over the runs."""
    found: Document = {name: spread_of([run[name] for run in runs]) for name in SPREAD}
    for group in SPREAD_WITHIN:
        names = [name for name in runs[0][group] if all(name in run[group] for run in runs)]
        found[group] = {name: spread_of([run[group][name] for run in runs]) for name in names}
    return found


def machine(laps: Sequence[float] = ()) -> Document:
    """Return what the figures depend on besides the hub; `laps`: how long the same work took before each run."""
    return {
        "hub": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "laps_ms": list(laps),
    }
