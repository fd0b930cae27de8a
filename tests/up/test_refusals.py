"""A hub that cannot start says why in one line, and starts nothing."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from hub.house import LISTENERS
from hub.up import lock
from hub.up.__main__ import main
from hub.up.client import RunningHub
from hub.up.plan import Listener, Nats
from hub.up.ports import free_port
from tests.up.conftest import Start, launch_plan, plan_for, until

HUB = (sys.executable, "-P", "-m", "hub")


def refused(hub: RunningHub) -> tuple[int, str]:
    """Return exit status and text of a hub that does not start."""
    return hub._process.wait(15), hub.output.read_text()


def test_a_second_hub_on_the_same_data_is_refused(start: Start, tmp_path: Path) -> None:
    """The line names the pid and the ways out; the first hub is not disturbed."""
    first = start()
    second = start(ready=False)

    status, said = refused(second)

    assert status == 1
    assert f"Another hub (pid {first.pid}) runs on {tmp_path / 'hub'}; stop it with `kill {first.pid}`" in said
    assert "HUB_DATA_DIR" in said
    assert said.count("\n") == 1
    assert first.state()["state"] == "ready"


def test_a_worker_does_not_keep_the_lock(start: Start) -> None:
    """The lock ends with the supervisor; its children do not inherit the descriptor."""
    hub = start()
    lock = str(hub.data_dir / "run/hub.lock")

    for process in hub.processes().values():
        links = [str(link.readlink()) for link in Path(f"/proc/{process['pid']}/fd").iterdir()]
        assert lock not in links


def test_a_row_of_ports_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """Before anything starts, and with a way out."""
    env = os.environ | {"HUB_DATA_DIR": str(tmp_path), "HUB_METRICS__BASE_PORT": "65534"}
    ran = subprocess.run([*HUB, "up"], env=env, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 2
    assert "HUB_METRICS__BASE_PORT is not acceptable" in ran.stderr and "choose a smaller one" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_all_taken_ports_are_named_in_one_line(start: Start) -> None:
    """Each with its listener, the program that holds it, and the setting to change."""
    with socket.create_server(("127.0.0.1", 0)) as edge, socket.create_server(("127.0.0.1", 0)) as public:
        ports = [edge.getsockname()[1], public.getsockname()[1]]
        listeners = (
            Listener("edge", "https", "127.0.0.1", ports[0], "HUB_EDGE"),
            Listener("public", "http", "127.0.0.1", ports[1], "HUB_PUBLIC"),
            Listener("internal", "http", "127.0.0.1", 0, "HUB_INTERNAL"),
        )
        status, said = refused(start(ready=False, listeners=listeners))

    assert status == 1
    assert f"Port {ports[0]} of the listener 'edge' is taken" in said
    assert f"pid {os.getpid()}); free it or set HUB_EDGE__PORT." in said
    assert f"Port {ports[1]} of the listener 'public' is taken" in said
    assert "internal" not in said
    assert said.count("\n") == 1


def test_a_shared_port_counts_as_taken(start: Start) -> None:
    """A listener with SO_REUSEPORT would let ours in and take half of its connections."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        listener = Listener("edge", "https", "127.0.0.1", other.getsockname()[1], "HUB_EDGE")
        status, said = refused(start(ready=False, listeners=(listener,)))

    assert status == 1
    assert "HUB_EDGE__PORT" in said


def test_a_hub_that_was_killed_may_hold_its_ports_a_moment_longer(start: Start) -> None:
    """Its children are dying; the next hub waits for them instead of refusing."""
    start(listeners=()).stop(signal.SIGKILL)
    with socket.create_server(("127.0.0.1", 0)) as leftover:
        listener = Listener("edge", "https", "127.0.0.1", leftover.getsockname()[1], "HUB_EDGE")
        hub = start(ready=False, listeners=(listener,))
        until(lambda: lock.holder(hub.data_dir / "run/hub.lock") == hub.pid)

    assert hub.wait_ready()["state"] == "ready"


def test_an_address_of_another_machine_is_named(start: Start) -> None:
    """Not taken, but impossible: the line names host and port settings."""
    listener = Listener("edge", "https", "192.0.2.1", 8443, "HUB_EDGE")

    status, said = refused(start(ready=False, listeners=(listener,)))

    assert status == 1
    assert "cannot bind 192.0.2.1:8443" in said
    assert "HUB_EDGE__HOST" in said


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Wrong settings: exit status 2, one line."""
    (tmp_path / "file").write_text("in the way")
    reader, writer = os.pipe()
    os.write(writer, plan_for(tmp_path / "file" / "hub").to_json().encode())
    os.close(writer)

    assert main(reader) == 2


def test_a_hub_with_wrong_sync_is_refused(tmp_path: Path) -> None:
    """The setting is named."""
    hub = launch_plan(plan_for(tmp_path, nats=Nats(sync="sometimes")))
    status, said = refused(hub)
    hub.stop()

    assert status == 2
    assert "HUB_NATS__SYNC is 'sometimes'" in said


def test_a_store_that_does_not_answer_is_said_and_not_waited_for(tmp_path: Path) -> None:
    """A command says so in one line; a hub whose workers are not to wait for the store ends, and shows why."""
    env = os.environ | {"HUB_NATS__WAIT_SECONDS": "0", "HUB_DATA_DIR": str(tmp_path / "hub"), "HUB_NATS__URL": f"nats://127.0.0.1:{free_port()}"}
    env |= {f"HUB_{name.upper()}__PORT": "0" for name in LISTENERS} | {"HUB_UP__QUICK_FAILURES": "1"}
    said = "nats-server does not answer; is the hub up (`hub status`), or HUB_NATS__URL right?"

    asked = subprocess.run([*HUB, "get", "functions"], env=env, capture_output=True, text=True, timeout=60, check=False)
    ran = subprocess.run([*HUB, "up"], env=env, capture_output=True, text=True, timeout=60, check=False)

    assert (1, f"hub: {said}\n") == (asked.returncode, asked.stderr)
    assert ran.returncode == 1 and f"  hub: {said}" in ran.stdout
