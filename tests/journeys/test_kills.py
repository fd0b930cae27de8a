"""kill -9 of each process in turn, at every step of the hub's main job: nothing is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from hub.demo.faults import PROCESSES, Moment


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_that_is_killed_at_every_step_loses_nothing(process: str, tmp_path: Path) -> None:
    """The audit at the receivers holds, as it does when nothing is killed; the process died at each moment."""
    run = subprocess.run(
        [sys.executable, "-m", "hub", "demo", "--json", "--kill", process],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stdout.decode()[:4000] + run.stderr.decode()
    result = json.loads(run.stdout)
    assert result["complaints"] == []
    assert result["kills"] == [{"process": process, "moment": moment} for moment in get_args(Moment)]
    assert result["outcomes"] == {
        "delivered": 196, "refused": 2, "duplicate": 1, "dead-lettered": 1, "unaccounted": 0
    }  # fmt: skip
    assert result["tally"]["replayed"] == 1


def test_what_the_demo_cannot_kill_is_named(tmp_path: Path) -> None:
    """An unknown process is refused with the names there are, before anything is started."""
    command = [sys.executable, "-m", "hub", "demo", "--kill", "postgres"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert run.returncode == 1
    assert run.stderr.decode() == f"hub: The demo cannot kill 'postgres'; it can kill {', '.join(PROCESSES)}.\n"
    assert run.stdout == b""
