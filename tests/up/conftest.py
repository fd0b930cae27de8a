"""Real supervisors, real nats-servers, stand-ins for the workers; pauses in milliseconds."""

import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub.up.client import RunningHub, launch
from hub.up.plan import Limits, Nats, Plan, Program

WORKER = Path(__file__).with_name("fake_worker.py")
LIMITS = Limits(stop_seconds=5, quick_failures=4, backoff_seconds=0.02, backoff_max_seconds=0.1, healthy_seconds=0.5)

Start = Callable[..., RunningHub]


def worker(name: str, *arguments: str) -> Program:
    """Return a Procfile line that runs the stand-in."""
    return Program(name, shlex.join([sys.executable, str(WORKER), *arguments]))


def plan_for(data_dir: Path, *programs: Program, **changes: object) -> Plan:
    """Return a plan with an event store unless told otherwise, and two good workers unless given others."""
    plan = Plan(data_dir, programs or (worker("one"), worker("two")), limits=LIMITS, nats=Nats())
    return replace(plan, **changes)  # type: ignore[arg-type]  # the fields of Plan


def launch_plan(plan: Plan, env: dict[str, str] | None = None) -> RunningHub:
    """Start a supervisor as `hub up` does once it has read its settings."""
    reader, writer = os.pipe()
    os.write(writer, plan.to_json().encode())
    os.close(writer)
    try:
        command = (sys.executable, "-P", "-m", "hub.up", str(reader))
        return launch(command, plan.data_dir, env or {}, inherit=(reader,))
    finally:
        os.close(reader)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a hub on the test's directory; what it started is ended with the test."""
    hubs: list[RunningHub] = []

    def start(
        *programs: Program, ready: bool = True, env: dict[str, str] | None = None, **changes: object
    ) -> RunningHub:
        data_dir = changes.pop("data_dir", tmp_path / "hub")
        assert isinstance(data_dir, Path)
        hubs.append(launch_plan(plan_for(data_dir, *programs, **changes), env))
        if ready:
            hubs[-1].wait_ready(limit_seconds=15)
        return hubs[-1]

    yield start
    for hub in hubs:
        hub.stop()


def until(fact: Callable[[], object], limit_seconds: float = 15) -> None:
    """Return as soon as the fact holds."""
    deadline = time.monotonic() + limit_seconds
    while not fact():
        assert time.monotonic() < deadline, "the fact does not hold in time"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that only waits for its parent to look counts as dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def await_stop(pid: int) -> None:
    """Wait until every thread has obeyed SIGSTOP: on a busy machine they run on for a while."""
    until(lambda: {stat.read_text().rpartition(")")[2].split()[0] for stat in threads(pid)} == {"T"})


def threads(pid: int) -> list[Path]:
    """Return the files that tell the states of a process's threads."""
    return list(Path(f"/proc/{pid}/task").glob("*/stat"))


def log_lines(hub: RunningHub, name: str) -> list[dict[str, object]]:
    """Return the JSON lines that a worker wrote."""
    return [json.loads(line) for line in (hub.data_dir / "log" / f"{name}.log").read_text().splitlines()]
