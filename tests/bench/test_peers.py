"""A peer does the same work beside the hub, and what it stored is counted alike."""

import subprocess
import sys
import sysconfig
import time
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from hub.bench.options import Options
from hub.bench.peering import measure_peer
from hub.bench.running import turns
from tests.bench.conftest import Bench
from tests.bench.test_interrupt import alive

NEEDS_EXTRA = pytest.mark.skipif(find_spec("mq_bridge") is None, reason="the extra `bench` is not installed")
SHORT: dict[str, Any] = {"seconds": 0.5, "warm_up": 0.1, "connections": 8}


NEEDS_CADDY = pytest.mark.skipif(
    not (which("caddy", path=sysconfig.get_path("scripts")) or which("caddy")), reason="there is no caddy"
)


def check(run: dict[str, Any]) -> None:
    """Hold a peer's run to what holds for the hub's."""
    assert 0 < run["counts"]["accepted"] == run["counts"]["stored"]
    assert set(run["statuses"]) <= {"200", "202", "204"}
    assert run["cpu_seconds_per_1000"]["peer"] > 0 and run["peak_memory_mb"]["nats-server"] > 0


def test_hub_and_peer_take_turns_in_being_first() -> None:
    """Else whatever the first run of a pair does to the machine would be the other one's gain."""
    assert [turns(number, has_peer=True) for number in range(3)] == [(False, True), (True, False), (False, True)]
    assert turns(1, has_peer=False) == (False,)


def test_a_peer_is_measured_and_the_ratio_told(bench: Bench) -> None:
    """Its acknowledged events are in its stream too; the ratio is the hub's throughput over the peer's."""
    ran = bench("ingress", "--seconds", "0.5", "--warm-up", "0.1", "--connections", "8", "--peer", "bare", "-o", "json")
    assert ran.status == 0, ran.errors
    document = ran.document
    mine, other = document["runs"][0], document["peer"]["runs"][0]
    assert document["peer"]["name"] == "bare"
    check(other)
    assert document["ratio"]["median"] == pytest.approx(mine["throughput"] / other["throughput"], rel=0.01)
    assert ran.left == []


def test_the_hub_alone_is_a_peer_of_its_own(bench: Bench) -> None:
    """What is put beside is not beside it: with a hundred events in a request against one, the ratio is far off 1."""
    words = ("--seconds", "0.5", "--warm-up", "0.1", "--connections", "1", "--batch", "100", "--peer", "alone")
    ran = bench("ingress", *words, "-o", "json")
    assert ran.status == 0, ran.errors
    mine, other = ran.document["runs"][0], ran.document["peer"]["runs"][0]
    assert 0 < other["counts"]["accepted"] == other["counts"]["stored"]
    assert mine["counts"]["accepted"] % 100 == 0
    assert ran.document["ratio"]["median"] > 1.5, "many requests of one event on one connection are answered in turn"


@NEEDS_EXTRA
def test_mq_bridge_does_the_same_work(tmp_path: Path) -> None:
    """It needs its extra; it leaves nothing behind."""
    check(measure_peer(Options("ingress", peer="mq-bridge", **SHORT), tmp_path, lambda _line: None))
    assert list(tmp_path.iterdir()) == []


@NEEDS_EXTRA
def test_mq_bridge_delivers_what_it_stored(tmp_path: Path) -> None:
    """Each stored event arrives at the sink; it leaves nothing behind."""
    run = measure_peer(Options("delivery", peer="mq-bridge", **SHORT), tmp_path, lambda _line: None)
    assert run["held"], run["complaints"]
    assert 0 < run["counts"]["accepted"] == run["counts"]["delivered"]
    assert list(tmp_path.iterdir()) == []


@NEEDS_CADDY
def test_caddy_adds_the_same_credentials_to_the_same_calls(tmp_path: Path) -> None:
    """The target refuses calls without them; the target's own CPU time is nobody's cost; nothing is left behind."""
    run = measure_peer(Options("gateway", peer="caddy", **SHORT), tmp_path, lambda _line: None)
    assert run["held"], run["complaints"]
    assert run["statuses"] == {"200": run["counts"]["answered by the target"]}
    assert run["cpu_seconds_per_1000"]["total"] == run["cpu_seconds_per_1000"]["peer"] > 0
    assert list(tmp_path.iterdir()) == []


RUNS = """
import asyncio, pathlib, sys
from hub.bench.peers import caddy
from hub.up.ports import free_port

async def run():
    async with caddy.running(pathlib.Path(sys.argv[1]) / "peer", free_port(), "http://127.0.0.1:9", 1) as pid:
        print(pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(run())
"""


@NEEDS_CADDY
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system has no such thing")
def test_a_peer_dies_with_the_benchmark(tmp_path: Path) -> None:
    """A program of others, which knows nothing of the benchmark, does not outlive one that is killed."""
    with subprocess.Popen([sys.executable, "-c", RUNS, str(tmp_path)], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        pid = int(started.stdout.readline())
        assert alive(pid)
        started.kill()
    limit = time.monotonic() + 30
    while alive(pid) and time.monotonic() < limit:
        time.sleep(0.02)
    assert not alive(pid)
