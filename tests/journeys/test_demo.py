"""The hub's main job from one command: everything real, every event accounted for."""

import json
import os
import subprocess
import sys
from pathlib import Path


def test_the_demo_accounts_for_every_event(tmp_path: Path) -> None:
    """Exit status 0, and the result says of each of the 200 events what became of it."""
    run = subprocess.run(
        [sys.executable, "-m", "hub", "demo", "--no-live", "--json"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stdout.decode()[:4000] + run.stderr.decode()
    result = json.loads(run.stdout)
    assert result["held"] and result["complaints"] == []
    assert result["outcomes"] == {
        "delivered": 196, "refused": 2, "duplicate": 1, "dead-lettered": 1, "unaccounted": 0
    }  # fmt: skip
    assert result["tally"]["replayed"] == 1
    assert list(tmp_path.glob("hub-demo-*")) == [], "what held leaves nothing behind"
