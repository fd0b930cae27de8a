"""The running hub as other programs see it: `<data_dir>/run/hub.json`, replaced as a whole at each change."""

import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from hub.kernel.clock import rfc3339
from hub.up import lock
from hub.up.child import Child
from hub.up.paths import Paths, read_document, write_private
from hub.up.plan import Plan


class StateFile:
    """Writes the state of the hub."""

    def __init__(self, paths: Paths, plan: Plan, children: Sequence[Child]) -> None:
        """Create the writer; nothing is written yet."""
        self._paths = paths
        self._plan = plan
        self._children = children
        self._started = rfc3339(datetime.now(UTC))
        self._written = ""
        self.seconds = 0.0

    def become_ready(self, seconds: float) -> None:
        """Note that the whole hub serves, and how long that took."""
        self.seconds = seconds

    def listeners(self) -> dict[str, str]:
        """Return the address of each listener: as its process said, else as the settings say."""
        said = {name: url for child in self._children for name, url in child.listeners.items()}
        return {one.name: said.get(one.name, one.url) for one in self._plan.listeners}

    def write(self) -> None:
        """Replace the file if something changed."""
        text = json.dumps(self._document())
        if text != self._written:
            write_private(self._paths.state, text)
            self._written = text

    def remove(self) -> None:
        """Remove the file: no hub runs any more."""
        self._paths.state.unlink(missing_ok=True)

    def _document(self) -> dict[str, object]:
        return {
            "pid": os.getpid(),
            "started": self._started,
            "state": self._state(),
            "ready_after_seconds": round(self.seconds, 3) or None,
            "data_dir": str(self._paths.data_dir),
            "listeners": self.listeners(),
            "processes": [child.as_document() for child in self._children],
        }

    def _state(self) -> str:
        if any(child.state in {"stopping", "stopped"} for child in self._children):
            return "stopping"
        if not self.seconds:
            return "starting"
        return "ready" if all(child.state == "ready" for child in self._children) else "degraded"


def read_running(data_dir: Path) -> dict[str, object] | None:
    """Return the state of the hub that runs on a data directory, None when none does."""
    paths = Paths(data_dir)
    pid = lock.holder(paths.lock)
    document = read_document(paths.state)
    if pid is None or document.get("pid") != pid:
        return None
    return document


def process_age_seconds() -> float:
    """Return how long this process has run, 0 where the system does not say; a replaced program keeps its age."""
    if sys.platform != "linux":
        return 0.0
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
