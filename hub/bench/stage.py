"""Where a benchmark runs: a hub of its own on free ports, in a temporary directory that is gone afterwards."""

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hub.bench.usage import children_of, memory_of
from hub.up.client import RunningHub, remove, start_hub
from hub.up.ports import free_port

JOURNAL = "journal"
"""Folder of what receivers write down, beside the data directory."""
LISTENERS = ("edge", "public", "internal", "gateway", "gateway_compass")
START_LIMIT_SECONDS = 120.0
"""How long a hub may take to be ready: long, for the figure says how long it took."""
IDLE_SECONDS = 1.0
"""How long a hub that is ready is left alone before its idle memory is read."""
FUNCTION_IDLE_SECONDS = 1.0
"""How long after its last call a process beyond a Function's least number ends."""


@dataclass(slots=True)
class Stage:
    """A running hub and what it cost to get it."""

    hub: RunningHub
    ready_seconds: float
    idle_memory: dict[str, float] = field(default_factory=dict)
    _is_starting: bool = False

    def restart(self) -> float:
        """Stop the hub, start it again on what it has stored, and return the seconds until it was ready.

        Raises:
            UpstreamUnavailable: it did not become ready.
        """
        self._is_starting = True
        self.hub.stop()
        began = time.monotonic()
        self.hub = start_hub(self.hub.data_dir, limit_seconds=START_LIMIT_SECONDS)
        self._is_starting = False
        return time.monotonic() - began

    def pids(self) -> dict[str, list[int]]:
        """Return the pids of the hub's processes by name; Functions are the children of who runs them."""
        if self._is_starting:
            return {}
        found = {name: [int(entry["pid"])] for name, entry in self.hub.processes().items() if entry["pid"]}
        functions = [child for pid in found.get("inside", []) for child in children_of(pid)]
        return {"up": [self.hub.pid], **found} | ({"functions": functions} if functions else {})


def settings_of(data_dir: Path) -> dict[str, str]:
    """Return the environment of the benchmark's hub."""
    ports = {name: free_port() for name in LISTENERS}
    return {
        "HUB_DATA_DIR": str(data_dir),
        # Functions reach no files but their own; the one of the benchmark writes down when it was called.
        "HUB_FUNCTIONS__WRITABLE": json.dumps([str(data_dir.parent / JOURNAL)]),
        # A Function without a fixed number of processes has none soon after a call: its cold start can be timed.
        "HUB_FUNCTIONS__IDLE_SECONDS": str(FUNCTION_IDLE_SECONDS),
        **{f"HUB_{name.upper()}__PORT": str(port) for name, port in ports.items()},
        "HUB_LOGS__FORMAT": "json",
    }


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a temporary directory and remove it, whatever happens.

    Settings of the machine must not reach the benchmark: it would load somebody's event store.
    """
    for name in [name for name in os.environ if name.startswith("HUB_")]:
        del os.environ[name]
    directory = Path(tempfile.mkdtemp(prefix="hub-bench-")).resolve()
    try:
        yield directory
    finally:
        remove(directory)


@contextmanager
def stage(directory: Path, settings: Mapping[str, str]) -> Iterator[Stage]:
    """Run a hub with these settings besides, and note how long it took to be ready and what it takes when idle."""
    data_dir = directory / "hub"
    os.environ.update(settings_of(data_dir) | dict(settings))
    began = time.monotonic()
    hub = start_hub(data_dir, limit_seconds=START_LIMIT_SECONDS)
    try:
        ready_seconds = time.monotonic() - began
        time.sleep(IDLE_SECONDS)
        running = Stage(hub, round(ready_seconds, 3))
        running.idle_memory = {kind: round(each, 1) for kind, each in memory_of(running.pids()).items()}
        try:
            yield running
        finally:
            hub = running.hub
    finally:
        hub.stop()
        remove(data_dir)
