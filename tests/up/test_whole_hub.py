"""The real `hub up` with the real workers: both ways of starting them, and the command that shows them."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from hub.house import LISTENERS
from hub.up import procfile
from hub.up.client import RunningHub, start_hub
from hub.up.ports import free_port, is_free
from tests.up.conftest import is_alive, until

FREE_PORTS = {f"HUB_{name}__PORT": "0" for name in ("EDGE", "PUBLIC", "INTERNAL", "GATEWAY", "GATEWAY_COMPASS")}
WORKERS = {"edge", "inside", "dispatch", "control"}
ROOT = Path(__file__).parents[2]

Begin = Callable[[dict[str, str]], RunningHub]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Return a function that starts a hub with settings; it is ended with the test."""
    hubs: list[RunningHub] = []

    def begin(env: dict[str, str]) -> RunningHub:
        hubs.append(start_hub(tmp_path / "hub", FREE_PORTS | env, limit_seconds=120))
        return hubs[-1]

    yield begin
    for hub in hubs:
        hub.stop()


@pytest.mark.parametrize("preload", ["true", "false"], ids=["forked", "plain"])
def test_every_worker_can_be_killed_and_comes_back(begin: Begin, preload: str) -> None:
    """However workers were started: each has its log, its supervisor as parent, and is started again."""
    hub = begin({"HUB_UP__PRELOAD": preload})
    assert set(hub.processes()) == WORKERS | {"nats-server"}
    parents = {status_of(process["pid"], "PPid") for process in hub.processes().values()}
    assert parents == {str(hub.pid)}
    names = {status_of(hub.processes()[name]["pid"], "Name") for name in WORKERS}
    assert (names == {f"hub {name}" for name in WORKERS}) is (preload == "true"), "one that is forked bears its name"

    for name in sorted(WORKERS):
        hub.kill(name, signal.SIGKILL)
    until(lambda: all(process["restarts"] for name, process in hub.processes().items() if name in WORKERS))

    assert hub.wait_ready()["state"] == "ready"
    assert hub.stop() == 0


def test_a_start_without_forks_is_told(begin: Begin, tmp_path: Path) -> None:
    """What workers are forked from cannot be had: the hub starts all the same, and says why it took longer."""
    unless_forking = "import os, sys\nif 'hub.up.zygote' in sys.orig_argv:\n    "
    (tmp_path / "sitecustomize.py").write_text(f"{unless_forking}os.write(2, b'no import today')\n    os._exit(1)\n")
    hub = begin({"PYTHONPATH": f"{tmp_path}:{ROOT}"})
    assert "Workers could not be forked from one process (no import today)" in hub.output.read_text()


def test_metrics_are_on_a_row_of_ports(begin: Begin) -> None:
    """From the configured port on, one for each process in the order of the Procfile; each answers."""
    programs = procfile.read(procfile.find())
    base = next(port for port in iter(free_port, 0) if all(is_free(port + place) for place in range(len(programs))))
    hub = begin({"HUB_METRICS__BASE_PORT": str(base)})
    processes = hub.processes()
    for place, program in enumerate(programs):
        address = processes[program.name]["listeners"]["metrics"]
        assert address == f"http://127.0.0.1:{base + place}"
        assert httpx.get(f"{address}/healthz", timeout=30).is_success


def test_several_of_a_kind_run_side_by_side(begin: Begin, tmp_path: Path) -> None:
    """Further lines of a Procfile share the ports of the first: while one of them is away the other one answers."""
    lines = [f"{line.name}{twin}: {line.command}" for line in procfile.read(procfile.find()) for twin in ("", "-2")]
    (tmp_path / "Procfile").write_text("\n".join(lines))
    ports = {f"HUB_{name.upper()}__PORT": str(free_port()) for name in LISTENERS}
    hub = begin(ports | {"HUB_UP__PROCFILE": str(tmp_path / "Procfile"), "HUB_UP__BACKOFF_SECONDS": "2"})
    found = hub.processes()
    assert set(found) == {"nats-server", *WORKERS, *(f"{name}-2" for name in WORKERS)}
    for name in WORKERS:
        shared = [{key: url for key, url in found[each]["listeners"].items() if key != "metrics"}
                  for each in (name, f"{name}-2")]  # fmt: skip
        assert shared[0] == shared[1], name
    for name in ("control", "control-2"):
        hub.kill(name, signal.SIGKILL)
        until(lambda: answers(hub.listeners["public"]))
        until(lambda name=name: hub.processes()[name]["restarts"] == 1, 60)
        hub.wait_ready(limit_seconds=120)


def answers(url: str) -> bool:
    """Return whether somebody serves the public listener."""
    import httpx

    try:
        return httpx.get(f"{url}/healthz", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("preload", ["true", "false"], ids=["forked", "plain"])
def test_no_worker_outlives_a_killed_hub(begin: Begin, preload: str) -> None:
    """A forked worker is bound to the supervisor as closely as one that was started the plain way."""
    hub = begin({"HUB_UP__PRELOAD": preload})
    pids = [process["pid"] for process in hub.processes().values()]

    hub.stop(signal.SIGKILL)

    until(lambda: not any(is_alive(pid) for pid in pids))


def test_status_shows_the_running_hub_and_refuses_when_none_runs(begin: Begin, tmp_path: Path) -> None:
    """A table for people, JSON for programs, exit status 1 without a hub."""
    hub = begin({})

    assert json.loads(status(tmp_path / "hub", "-o", "json").stdout)["pid"] == hub.pid
    table = status(tmp_path / "hub").stdout
    assert all(name in table for name in WORKERS)
    hub.stop()
    refused = status(tmp_path / "hub")
    assert refused.returncode == 1
    assert "No hub runs on" in refused.stderr


def status(data_dir: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `hub status`."""
    command = [sys.executable, "-P", "-m", "hub", "status", "--data-dir", str(data_dir), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)


def status_of(pid: int, field: str) -> str:
    """Return a field of /proc/<pid>/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{field}:"))


def test_a_worker_told_to_stop_while_it_connects_ends_without_waiting(tmp_path: Path) -> None:
    """A start that hangs is given up when asked to: exit status 0, not that of a store that never answered."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.settimeout(30)
        url = f"nats://127.0.0.1:{mute.getsockname()[1]}"
        env = os.environ | {"HUB_DATA_DIR": str(tmp_path), "HUB_NATS__URL": url}
        worker = subprocess.Popen([sys.executable, "-P", "-m", "hub", "run", "dispatch"], env=env)
        connection, _ = mute.accept()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        connection.close()
