"""The hub ends in order, completely, and whatever way it ends."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from hub.up.statefile import read_running
from tests.up.conftest import LIMITS, Start, is_alive, log_lines, plan_for, until, worker


def test_workers_stop_before_the_event_store(start: Start, tmp_path: Path) -> None:
    """Each worker can still finish with the store; SIGTERM is a clean end with status 0, and nothing is left."""
    journal = tmp_path / "journal"
    hub = start(worker("one", "--journal", str(journal)), worker("two", "--journal", str(journal)))
    pids = [process["pid"] for process in hub.processes().values()]

    assert hub.stop() == 0

    assert {"one True", "two True"} == {" ".join(line.split()[::2]) for line in journal.read_text().splitlines()}
    assert not any(is_alive(pid) for pid in pids)
    assert {"hub.lock", "nats-server.pid"} >= {path.name for path in (hub.data_dir / "run").iterdir()}


def test_ctrl_c_stops_with_the_status_of_an_interrupt(start: Start) -> None:
    """Shells and scripts see 130."""
    assert start().stop(signal.SIGINT) == 130


def test_a_stubborn_worker_is_killed_after_the_stop_time(start: Start) -> None:
    """HUB_STOP_SECONDS is a promise to whoever waits for the end."""
    hub = start(worker("one", "--stubborn"), limits=replace(LIMITS, stop_seconds=0.3))
    began = time.monotonic()

    assert hub.stop() == 0

    assert 0.3 <= time.monotonic() - began < 5


def test_a_second_signal_ends_at_once(start: Start) -> None:
    """Who is impatient says it twice."""
    hub = start(worker("one", "--stubborn"), limits=replace(LIMITS, stop_seconds=600))
    os.kill(hub.pid, signal.SIGINT)
    hub.wait(lambda state: state["state"] == "stopping")

    assert hub.stop(signal.SIGINT) == 130


def test_nothing_outlives_a_killed_supervisor(start: Start) -> None:
    """kill -9 of `hub up` takes the workers and the event store along, and a new hub starts on the same data."""
    hub = start()
    pids = [process["pid"] for process in hub.processes().values()]
    assert len(pids) == 3

    assert hub.stop(signal.SIGKILL) == -signal.SIGKILL

    until(lambda: not any(is_alive(pid) for pid in pids))
    assert (hub.data_dir / "run/hub.json").exists()
    assert read_running(hub.data_dir) is None
    assert start().state()["state"] == "ready"


def test_a_hub_ends_with_the_program_that_started_it(start: Start) -> None:
    """The pipe to a demo or a test is gone: the hub stops in order."""
    hub = start()

    hub._let_go()

    assert hub._process.wait(15) == 0


def test_a_signal_while_starting_leaves_nothing_behind(start: Start) -> None:
    """The hub can be stopped before it is ready."""
    hub = start(worker("mute", "--silent"), ready=False)
    hub.wait(lambda state: any(process["name"] == "mute" and process["pid"] for process in state["processes"]))
    until(lambda: (hub.data_dir / "log/mute.log").stat().st_size > 0)
    pid = log_lines(hub, "mute")[0]["pid"]

    assert hub.stop() == 0
    assert isinstance(pid, int) and not is_alive(pid)


def test_a_dead_worker_is_not_started_again_while_stopping(start: Start) -> None:
    """Stopping beats restarting: a worker waiting for its next start stays down."""
    plan = plan_for(Path("unused")).limits
    hub = start(worker("one"), limits=replace(plan, backoff_seconds=300, backoff_max_seconds=300))
    hub.kill("one")
    hub.wait(lambda state: hub.processes()["one"]["state"] == "restarting")

    assert hub.stop() == 0
    assert len([line for line in log_lines(hub, "one") if line["event"] == "worker.started"]) == 1


def test_a_worker_that_hangs_does_not_hold_up_the_end(start: Start) -> None:
    """Stopped by a signal, it hears no other; it is killed when its time is up, the rest stops in order."""
    hub = start(worker("one"), worker("two"), limits=replace(LIMITS, stop_seconds=0.3))
    pid = hub.kill("one", signal.SIGSTOP)

    assert hub.stop() == 0
    assert not is_alive(pid)
