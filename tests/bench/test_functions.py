"""Functions under load, by events and over HTTP, in both languages, and what it takes to have them. Real short runs."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from hub.bench.options import Options
from hub.bench.peering import measure_peer
from hub.bench.peers.functions_framework import PROGRAM
from hub.functions.runtime.interpreters import find_node
from hub.kernel.errors import InvalidInput
from tests.bench.conftest import Measure

STARTS = {"cold start until the first answer", "changed source until it answers"}


@pytest.fixture(params=["python", "node"])
def runtime(request: pytest.FixtureRequest) -> str:
    """Run the test for both languages, where there is a Node."""
    if request.param == "node":
        try:
            asyncio.run(find_node("nodejs24", None))
        except InvalidInput:
            pytest.skip("there is no Node on this machine; the extra `node` brings one")
    return str(request.param)


@pytest.mark.parametrize("rate", [None, 40.0], ids=["backlog", "schedule"])
def test_every_accepted_event_reaches_the_handler(measure: Measure, runtime: str, rate: float | None) -> None:
    """Each event is written down by the handler, in either language, with the moment that its post was due; without
    asking, both starts are timed and nothing else is deployed."""
    run = measure("functions", runtime=runtime, rate=rate, seconds=0.3)
    assert run["held"], run["complaints"]
    assert 0 < run["counts"]["accepted"] == run["counts"]["delivered"]
    assert bool(run["latency_ms"]) is bool(rate), "a backlog has no latency, a schedule has"
    assert run["figure_units"] == dict.fromkeys(STARTS, "ms") and all(value > 0 for value in run["figures"].values())


@pytest.mark.parametrize("rate", [None, 40.0], ids=["closed", "open"])
def test_every_call_over_http_is_answered(measure: Measure, runtime: str, rate: float | None) -> None:
    """Calls of the internal listener are answered 200, and are timed from when they were sent, or due."""
    run = measure("functions", runtime=runtime, rate=rate, by="http", seconds=0.3)
    assert run["held"], run["complaints"]
    assert run["statuses"] == {"200": run["counts"]["answered"]} and run["counts"]["answered"] > 0
    assert (run["what"], run["unit"]) == ("invocations over HTTP", "invocations")
    assert run["latency_of"] == f"request {'due' if rate else 'sent'} → answer read"
    assert run["latency_ms"]["p50"] > 0 and "functions" in run["cpu_seconds_per_1000"]


def test_the_memory_of_many_functions_is_told(measure: Measure, runtime: str) -> None:
    """As many as asked for are deployed beside: all together at rest, and each that runs; they are no part of the
    memory that the load took."""
    run = measure("functions", runtime=runtime, by="http", functions=3, seconds=0.3)
    assert run["held"], run["complaints"]
    of_memory = {name: value for name, value in run["figures"].items() if name not in STARTS}
    assert {run["figure_units"][name] for name in of_memory} == {"MB"}
    assert of_memory.keys() == {
        "3 Functions at rest, together",
        "a running Function, resident",
        "a running Function, shares divided",
    }
    one, own = of_memory["a running Function, resident"], of_memory["a running Function, shares divided"]
    assert 0 < own < one
    assert run["peak_memory_mb"]["functions"] < 4 * one, "one that is called, the spare one, not all of them"


@pytest.mark.skipif(which(PROGRAM) is None, reason=f"there is no {PROGRAM}")
def test_functions_framework_answers_the_same_calls(tmp_path: Path) -> None:
    """Its own production server, on the same load; nothing is left behind."""
    short: dict[str, Any] = {"seconds": 0.5, "warm_up": 0.1, "connections": 8}
    run = measure_peer(Options("functions", by="http", peer=PROGRAM, **short), tmp_path, lambda _line: None)
    assert run["held"], run["complaints"]
    assert run["statuses"] == {"200": run["counts"]["answered"]} and run["counts"]["answered"] > 0
    assert run["cpu_seconds_per_1000"]["peer"] > 0 and run["unit"] == "invocations"
    assert list(tmp_path.iterdir()) == []


def test_a_peer_that_is_not_there_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """Before anything is started: it is looked for on the search path, and how it is installed is said."""
    words = ["hub", "bench", "functions", "--by", "http", "--peer", PROGRAM]
    ran = subprocess.run(
        [sys.executable, "-m", *words],
        env={**os.environ, "PATH": str(tmp_path), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert f"pipx install {PROGRAM}" in ran.stderr and list(tmp_path.iterdir()) == []
