"""Runs everything that the table of the README is made of, one after the other.

What fails is told and does not keep the rest from being measured; each result is kept as soon as it is there.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from hub.bench import peering
from hub.bench.driving import Hear
from hub.bench.rows import RUNS, Run, table_of
from hub.bench.running import machine, measure
from hub.kernel.errors import HubError, InvalidInput, Misconfigured

Document = dict[str, Any]
Showing = Callable[[Run, str], AbstractContextManager[Hear]]


def chosen(only: Sequence[str]) -> list[Run]:
    """Return the runs of these names or scenarios; all when none is named.

    Raises:
        InvalidInput: there is none of a name.
    """
    known = {run.name for run in RUNS} | {run.options.scenario for run in RUNS}
    if strange := sorted(set(only) - known):
        raise InvalidInput(f"There is no run {', '.join(strange)}; there are {', '.join(run.name for run in RUNS)}.")
    return [run for run in RUNS if not only or run.name in only or run.options.scenario in only]


def measure_all(runs: Sequence[Run], seconds: float, showing: Showing, folder: Path | None = None) -> Document:
    """Make the runs and return the table with the result of each.

    Args:
        runs: which.
        seconds: how long each load lasts.
        showing: shows how far a run is, given its place among all.
        folder: where each result is written as soon as it is there.
    """
    documents: dict[str, Document] = {}
    failures: list[str] = []
    notes: list[str] = []
    for number, run in enumerate(runs, start=1):
        prepared, note = _prepared(run, seconds)
        notes += note
        try:
            with showing(prepared, f"{number} of {len(runs)}") as hear:
                documents[run.name] = measure(prepared.options, hear)
        except HubError as error:
            failures.append(f"{run.name} could not be measured: {error.detail}")
            continue
        if folder is not None:
            (folder / f"{run.name}.json").write_bytes(orjson.dumps(documents[run.name], option=orjson.OPT_INDENT_2))
    complaints = [*failures, *_complaints(documents.items())]
    return {
        "scenario": "all",
        "held": not complaints,
        "complaints": complaints,
        "notes": notes,
        "machine": machine([lap for found in documents.values() for lap in found["machine"]["laps_ms"]]),
        "seconds": seconds,
        "table": table_of(documents),
        "runs": documents,
    }


def _complaints(documents: Iterable[tuple[str, Document]]) -> list[str]:
    return [f"{name}: {text}" for name, document in documents for text in document["complaints"]]


def _prepared(run: Run, seconds: float) -> tuple[Run, list[str]]:
    """Return the run with its length, and without a peer that is not there; what that means is told."""
    options = replace(run.options, seconds=seconds)
    if options.peer is None:
        return replace(run, options=options), []
    try:
        peering.check(options.peer)
    except Misconfigured as error:
        return replace(run, options=replace(options, peer=None)), [f"{run.name} has no comparison: {error.detail}"]
    return replace(run, options=options), []
