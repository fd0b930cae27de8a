"""Where the drill takes place: a hub of its own on free ports, its processes behind the drill's proxies and clock.

Everything lies in one temporary directory: removed when the drill held, kept when it explains a failure.
"""

import os
import shlex
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hub.drill.worker import write_offset
from hub.up import procfile
from hub.up.ports import free_port

LISTENERS = ("edge", "public", "internal", "gateway", "gateway_compass")
STORE_BYTES = 8 * 1024**2
"""So small that the drill can fill it in a moment."""


@dataclass(frozen=True, slots=True)
class Premises:
    """The places of one drill."""

    directory: Path

    @property
    def data_dir(self) -> Path:
        """Return the data directory of the hub."""
        return self.directory / "hub"

    @property
    def clock(self) -> Path:
        """Return the file by which the workers' clocks are moved."""
        return self.directory / "clock"

    @property
    def procfile(self) -> Path:
        """Return the file that says how the workers are started."""
        return self.directory / "Procfile"


def new_premises() -> Premises:
    """Create a temporary directory; settings of the machine must not reach the drill, it would wreck somebody's hub."""
    for name in [name for name in os.environ if name.startswith("HUB_")]:
        del os.environ[name]
    premises = Premises(Path(tempfile.mkdtemp(prefix="hub-drill-")).resolve())
    write_offset(premises.clock, 0.0)
    return premises


def furnish(premises: Premises, edge_proxy: int, store_proxy: int) -> dict[str, int]:
    """Set the environment of the hub and write its Procfile; return the ports of the listeners."""
    ports = {name: free_port() for name in LISTENERS}
    os.environ.update(settings_of(premises, ports, edge_proxy))
    premises.procfile.write_text(procfile_of(premises, store_proxy), encoding="utf-8")
    return ports


def settings_of(premises: Premises, ports: dict[str, int], edge_proxy: int) -> dict[str, str]:
    """Return the environment of the drill's hub: quick to notice, quick to start again, soon full."""
    return {
        "HUB_DATA_DIR": str(premises.data_dir),
        **{f"HUB_{name.upper()}__PORT": str(port) for name, port in ports.items()},
        "HUB_EDGE__URL": f"https://localhost:{edge_proxy}",
        "HUB_FUNCTIONS__PUBLISHER_URL": f"http://127.0.0.1:{ports['internal']}/publish",
        "HUB_DISPATCH__ACK_WAIT_SECONDS": "2",
        "HUB_DISPATCH__RETRY_AFTER_LIMIT_SECONDS": "1",
        "HUB_INGRESS__PUBLISH_TIMEOUT_SECONDS": "2",
        "HUB_STREAMS__MAX_BYTES": str(STORE_BYTES),
        "HUB_STREAMS__JANITOR_SECONDS": "0.5",
        "HUB_LOGS__FORMAT": "json",
        "HUB_UP__PROCFILE": str(premises.procfile),
        "HUB_UP__PRELOAD": "false",
        "HUB_UP__BACKOFF_MAX_SECONDS": "0.2",
        # Who kills on purpose must not be given up for it.
        "HUB_UP__QUICK_FAILURES": "1000000",
    }


def procfile_of(premises: Premises, store_proxy: int) -> str:
    """Return the Procfile of the hub with each worker started by the drill's own way in."""
    way_in = (sys.executable, "-P", "-m", "hub.drill.worker", str(store_proxy), str(premises.clock))
    lines = []
    for program in procfile.read(procfile.find()):
        words = shlex.split(program.command)
        if words[0] == "hub":
            words = [*way_in, *words[1:]]
        lines.append(f"{program.name}: {shlex.join(words)}")
    return "\n".join(lines) + "\n"
