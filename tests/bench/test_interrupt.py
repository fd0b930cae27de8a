"""A benchmark that is stopped half-way leaves nothing behind: no process, no directory."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


def descendants(pid: int) -> set[int]:
    """Return all processes below one."""
    from hub.bench.usage import children_of

    found = set(children_of(pid))
    return found.union(*(descendants(child) for child in found)) if found else found


def alive(pid: int) -> bool:
    """Say whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


WAYS = {"ctrl-c": (signal.SIGINT, True), "terminated": (signal.SIGTERM, False), "killed": (signal.SIGKILL, False)}


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """Ctrl-C (which reaches every process of the terminal) and SIGTERM remove all; even SIGKILL leaves no process."""
    # All three side by side: most of the time each only starts a hub.
    started = {way: start(tmp_path / way) for way in WAYS}
    limit = time.monotonic() + 90
    for way, bench in started.items():
        while not list((tmp_path / way).glob("hub-bench-*/journal/arrivals")) and time.monotonic() < limit:
            assert bench.poll() is None, bench.communicate()[1].decode()
            time.sleep(0.05)
    for way, (number, group) in WAYS.items():
        stop(tmp_path / way, started[way], number, group)


def start(folder: Path) -> "subprocess.Popen[bytes]":
    """Start a benchmark whose temporary files are below a folder."""
    folder.mkdir()
    command = [sys.executable, "-m", "hub", "bench", "delivery", "--seconds", "60"]
    environment = {**os.environ, "TMPDIR": str(folder)}
    return subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.PIPE)


def stop(folder: Path, bench: "subprocess.Popen[bytes]", number: signal.Signals, group: bool) -> None:
    """Send a signal and look at what is left."""
    below = descendants(bench.pid)
    assert len(below) >= 6, "the hub and the sink run"
    (os.killpg if group else os.kill)(bench.pid, number)
    _, errors = bench.communicate(timeout=60)
    limit = time.monotonic() + 60
    while any(map(alive, below)) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not [pid for pid in below if alive(pid)]
    if number is not signal.SIGKILL:
        assert 130 == bench.returncode and b"Traceback" not in errors
        assert list(folder.iterdir()) == []
