"""What dies is started again; what keeps dying ends the hub."""

import signal
import time
from dataclasses import replace

from hub.up.client import RunningHub
from hub.up.plan import Program
from tests.up.conftest import LIMITS, Start, is_alive, log_lines, until, worker


def ended(hub: RunningHub) -> tuple[int, str]:
    """Wait for the end of the hub; return its exit status and all it said."""
    status = hub._process.wait(15)
    return status, hub.output.read_text()


def test_every_process_becomes_ready_and_is_reported(start: Start) -> None:
    """One line per process, then the addresses and the place of data and logs."""
    hub = start()

    state = hub.state()
    assert [process["name"] for process in state["processes"]] == ["nats-server", "one", "two"]
    assert state["state"] == "ready"
    said = hub.output.read_text()
    assert "one          ready" in said
    assert "serving two" in said
    assert "hub is ready in" in said
    assert f"data {hub.data_dir} · logs {hub.data_dir}/log" in said


def test_a_worker_finds_its_surroundings_in_the_environment(start: Start) -> None:
    """The data directory and the notify socket are handed over; output is in the worker's own log."""
    hub = start()

    first = log_lines(hub, "one")[0]
    assert first["process"] == "one"
    assert {"HUB_DATA_DIR": str(hub.data_dir), "NOTIFY_SOCKET": str(hub.data_dir / "run/notify.sock")} == first[
        "environment"
    ]


def test_a_killed_worker_is_started_again(start: Start) -> None:
    """kill -9 of a worker costs a pause, not the hub; the others are left alone."""
    hub = start()
    other = hub.processes()["two"]["pid"]

    old = hub.kill("one")
    state = hub.wait(lambda state: state["state"] == "ready" and hub.processes()["one"]["restarts"] == 1)

    processes = {process["name"]: process for process in state["processes"]}
    assert old != processes["one"]["pid"]
    assert other == processes["two"]["pid"]
    assert f"pid {old} ended with SIGKILL; again in 0.0 s" in hub.output.read_text()


def test_what_a_dead_worker_left_running_is_ended(start: Start) -> None:
    """A program in the worker's process group does not outlive it."""
    hub = start(worker("one", "--with-child"))
    child = log_lines(hub, "one")[1]["child"]
    assert isinstance(child, int) and is_alive(child)

    hub.kill("one")

    until(lambda: not is_alive(child))


def test_a_worker_that_keeps_dying_ends_the_hub_with_its_last_words(start: Start) -> None:
    """After the configured number of quick failures: which process, its log, exit status 1, nothing left running."""
    hub = start(worker("good"), worker("bad", "--exit", "3"), ready=False)

    status, said = ended(hub)

    assert status == 1
    assert f"bad failed: it died {LIMITS.quick_failures} times in a row, at last with exit status 3" in said
    assert '"event": "worker.refused"' in said
    assert LIMITS.quick_failures - 1 == said.count("again in")
    assert "good         stopped" in said


def test_a_worker_with_wrong_settings_is_not_started_again(start: Start) -> None:
    """Exit status 2 does not heal by itself."""
    status, said = ended(start(worker("bad", "--exit", "2"), ready=False))

    assert status == 1
    assert "bad failed: its settings cannot work (exit status 2)" in said
    assert "again in" not in said


def test_a_command_that_does_not_exist_ends_the_hub(start: Start) -> None:
    """The line says what cannot be started."""
    status, said = ended(start(Program("bad", "/nowhere/program"), ready=False))

    assert status == 1
    assert "bad failed: it cannot be started" in said


def test_a_worker_that_never_becomes_ready_is_killed_and_counts_as_failed(start: Start) -> None:
    """Alive is not enough, however long it lasts; and it is said once each time."""
    limits = replace(LIMITS, start_seconds=0.3, quick_failures=2, healthy_seconds=0.1)
    status, said = ended(start(worker("mute", "--silent"), ready=False, limits=limits))

    assert status == 1
    assert said.count("not ready after 0 s, killed") == 2
    assert "mute failed: it died 2 times in a row, at last with SIGKILL" in said


def test_a_worker_that_lived_long_enough_starts_counting_anew(start: Start) -> None:
    """A death a day is not a crash loop: more deaths than the limit, each after a healthy life, do not end the hub."""
    hub = start(worker("one"), limits=replace(LIMITS, quick_failures=2, healthy_seconds=0.05))
    for deaths in range(1, 5):
        until(lambda: hub.processes()["one"]["state"] == "ready")
        until_old_enough(hub, 0.1)
        hub.kill("one", signal.SIGKILL)
        until(lambda deaths=deaths: hub.processes()["one"]["restarts"] == deaths)  # type: ignore[misc]  # bound now

    assert hub.wait_ready()["state"] == "ready"


def until_old_enough(hub: RunningHub, seconds: float) -> None:
    """Wait until the worker has lived for some time."""
    began = time.monotonic()
    until(lambda: time.monotonic() - began > seconds)
