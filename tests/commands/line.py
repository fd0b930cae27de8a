"""The command line as a user has it: a process of its own, its output, its exit status."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.settings import HubSettings

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return standard output as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Line:
    """A shell whose HUB_ variables lead to the hub of the test."""

    settings: HubSettings

    async def __call__(self, *arguments: str, stdin: str = "", **env: str) -> Said:
        """Run `hub` with arguments."""
        return await asyncio.to_thread(self.run, arguments, stdin, env)

    def environment(self, env: dict[str, str]) -> dict[str, str]:
        """Return the environment of a command."""
        url = self.settings.nats.url
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        own = {"HUB_DATA_DIR": str(self.settings.data_dir), "PYTHONPATH": str(ROOT)}
        return inherited | own | ({"HUB_NATS__URL": url.get_secret_value()} if url else {}) | env

    def run(self, arguments: tuple[str, ...], stdin: str, env: dict[str, str]) -> Said:
        """Run a command and wait for its end."""
        done = subprocess.run(
            [sys.executable, "-m", "hub", *arguments],
            input=stdin, capture_output=True, text=True, env=self.environment(env), timeout=60, check=False,
            cwd=self.settings.data_dir,
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)
