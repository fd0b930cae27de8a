"""Runs `hub bench` as a person does, in a directory of its own that must be empty afterwards."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub.bench.options import Options
from hub.bench.running import perform
from hub.bench.stage import Stage, scratch, stage
from hub.commands.session import connected

LIMIT_SECONDS = 120
Measure = Callable[..., dict[str, Any]]


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


@pytest.fixture(scope="module")
def shared() -> Iterator[Stage]:
    """Return a hub that the tests of a module load one after the other; the commands start one for each run."""
    before = dict(os.environ)
    try:
        with scratch() as directory, stage(directory, {}) as running:
            yield running
    finally:
        os.environ.clear()
        os.environ.update(before)


async def forget(running: Stage) -> None:
    """Take away what a run applied."""
    async with connected("tests") as session:
        for plural in ("subscriptions", "functions"):
            for each in await session.resources(plural):
                await session.ask(plural, "delete", {"name": each.name, "scope": each.scope})
    shutil.rmtree(running.hub.data_dir / "bench-solution", ignore_errors=True)


@pytest.fixture
def measure(shared: Stage) -> Iterator[Measure]:
    """Return a function that runs a scenario on the shared hub, short, and returns what was found."""

    def run(scenario: str, **options: Any) -> dict[str, Any]:
        short: dict[str, Any] = {"seconds": 0.5, "warm_up": 0.1, "connections": 8}
        asked = Options(scenario=scenario, **(short | options)).checked()
        return asyncio.run(perform(asked, shared, lambda _line: None))

    yield run
    asyncio.run(forget(shared))
