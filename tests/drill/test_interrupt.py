"""A drill that is stopped half-way leaves nothing behind: no process, no directory."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench.test_interrupt import alive, descendants


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """SIGTERM in the middle of a fault ends everything, also a process that stands still."""
    command = [sys.executable, "-m", "hub", "drill", "--faults", "pause", "--seed", "1"]
    with subprocess.Popen(command, env={**os.environ, "TMPDIR": str(tmp_path)}, stderr=subprocess.PIPE) as drill:
        assert drill.stderr
        for line in drill.stderr:
            if b"faults strike" in line:
                break
        below = descendants(drill.pid)
        limit = time.monotonic() + 60
        while not any(map(stands_still, below)) and time.monotonic() < limit:
            time.sleep(0.02)
        drill.send_signal(signal.SIGTERM)
        errors = drill.stderr.read()
        assert 130 == drill.wait(60) and b"Traceback" not in errors, errors.decode()
    limit = time.monotonic() + 30
    while any(map(alive, below)) and time.monotonic() < limit:
        time.sleep(0.05)
    assert len(below) >= 6 and not [pid for pid in below if alive(pid)]
    assert [] == list(tmp_path.iterdir())


def stands_still(pid: int) -> bool:
    """Say whether a process has been stopped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False
