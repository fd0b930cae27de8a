"""kill -9 of each process in turn, at every step of the hub's main job: nothing is lost."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from hub.demo.faults import PROCESSES, Moment
from tests.journeys.conftest import played


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_that_is_killed_at_every_step_loses_nothing(process: str, tmp_path: Path) -> None:
    """The audit at the receivers holds, as it does when nothing is killed; the process died at each moment."""
    result = played(tmp_path, "--kill", process)
    assert result["kills"] == [{"process": process, "moment": moment} for moment in get_args(Moment)]


def test_what_the_demo_cannot_kill_is_named(tmp_path: Path) -> None:
    """An unknown process is refused with the names there are, before anything is started."""
    command = [sys.executable, "-m", "hub", "demo", "--kill", "postgres"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert run.returncode == 1
    assert run.stderr.decode() == f"hub: The demo cannot kill 'postgres'; it can kill {', '.join(PROCESSES)}.\n"
    assert run.stdout == b""
