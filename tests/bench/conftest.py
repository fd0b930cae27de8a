"""Runs `hub bench` as a person does, in a directory of its own that must be empty afterwards."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

LIMIT_SECONDS = 120


@dataclass(frozen=True)
class Ran:
    """What a run of the command left: status, output, what it wrote to standard error, what it left on disk."""

    status: int
    output: str
    errors: str
    left: list[str]

    @property
    def document(self) -> dict[str, Any]:
        """Return the JSON that it printed."""
        document: dict[str, Any] = json.loads(self.output)
        return document

    @property
    def first(self) -> dict[str, Any]:
        """Return the first run of the result."""
        run: dict[str, Any] = self.document["runs"][0]
        return run


Bench = Callable[..., Ran]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a function that runs the command with arguments."""

    def run(*arguments: str) -> Ran:
        found = subprocess.run(
            [sys.executable, "-m", "hub", "bench", *arguments],
            env={**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "200"},
            cwd=tmp_path,
            capture_output=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        left = sorted(path.name for path in tmp_path.iterdir())
        return Ran(found.returncode, found.stdout.decode(), found.stderr.decode(), left)

    return run
