"""A short drill is part of the suite: one command, everything real, every promise kept."""

import json
import os
import subprocess
import sys
from pathlib import Path

LIMIT_SECONDS = 240


def drilled(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in a directory of its own, its temporary files there too."""
    return subprocess.run(
        [sys.executable, "-m", "hub", "drill", *arguments],
        env={**os.environ, "TMPDIR": str(folder)}, cwd=folder,
        capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False,
    )  # fmt: skip


def test_every_promise_holds_while_processes_die_and_connections_break(tmp_path: Path) -> None:
    """Exit status 0, nothing lost, nothing out of order; what held leaves nothing behind."""
    ran = drilled(tmp_path, "--seed", "5", "--minutes", "0.12", "--faults", "kill,store,cut,sink", "-o", "json")
    assert 0 == ran.returncode, ran.stdout[:4000] + ran.stderr
    result = json.loads(ran.stdout)
    figures = result["figures"]
    assert result["held"] and [] == result["complaints"] and 5 == result["seed"]
    assert 0 == figures["lost"] == figures["out_of_order"] and figures["accepted"] > 50
    assert figures["delivered"] > figures["accepted"] and figures["dead_lettered"] > 0
    assert figures["refused"].keys() <= {"403"}
    assert result["struck"] and all(fault["recovery_seconds"] is not None for fault in result["struck"])
    assert None is result["kept"] and [] == list(tmp_path.iterdir())


def test_an_unknown_fault_is_wrong_usage(tmp_path: Path) -> None:
    """Exit status 2 and the names there are, before anything is started."""
    ran = drilled(tmp_path, "--faults", "kill,flood")
    assert 2 == ran.returncode and "flood" in ran.stderr and "pause" in ran.stderr
    assert [] == list(tmp_path.iterdir())
