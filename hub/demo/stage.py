"""Where the demo plays: a whole hub on free ports in a temporary data directory, and a session with it."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from nats.errors import Error as NatsError

from hub.commands.session import Session, quiet_logs
from hub.up.client import RunningHub, remove, start_hub
from hub.up.ports import free_port

LISTENERS = ("edge", "public", "internal", "gateway", "gateway_compass")


@dataclass(frozen=True, slots=True)
class Stage:
    """The running hub of the demo."""

    hub: RunningHub
    data_dir: Path

    @property
    def authority(self) -> Path:
        """Return the file with the certificate by which the edge is checked."""
        return self.data_dir / "ca.crt"

    @property
    def shop(self) -> Path:
        """Return the directory of the connected solution's own files."""
        return self.data_dir.parent / "shop"


def settings_of(data_dir: Path) -> dict[str, str]:
    """Return the environment of the demo's hub."""
    ports = {name: free_port() for name in LISTENERS}
    return {
        "HUB_DATA_DIR": str(data_dir),
        **{f"HUB_{name.upper()}__PORT": str(port) for name, port in ports.items()},
        "HUB_FUNCTIONS__PUBLISHER_URL": f"http://127.0.0.1:{ports['internal']}/publish",
        "HUB_DISPATCH__RECORD_SUCCESSES": "true",
        "HUB_DISPATCH__ACK_WAIT_SECONDS": "2",
        # What `--kill` kills six times over must not keep people waiting.
        "HUB_UP__BACKOFF_MAX_SECONDS": "0.2",
        "HUB_INGRESS__PUBLISH_TIMEOUT_SECONDS": "2",
    }


def new_data_dir() -> Path:
    """Create a temporary directory with room for the hub's data, and make that the data directory of this program.

    Settings of the machine must not reach the demo: it would write into somebody's event store.
    """
    data_dir = Path(tempfile.mkdtemp(prefix="hub-demo-")).resolve() / "hub"
    for name in [name for name in os.environ if name.startswith("HUB_")]:
        del os.environ[name]
    os.environ.update(settings_of(data_dir))
    return data_dir


@contextmanager
def stage(data_dir: Path) -> Iterator[Stage]:
    """Run the hub for as long as the demo plays."""
    hub = start_hub(data_dir)
    try:
        yield Stage(hub, data_dir)
    finally:
        hub.stop()


def clear(data_dir: Path) -> None:
    """Remove the temporary directory: the data of a hub that has ended, and the files of its solution."""
    remove(data_dir.parent)


@asynccontextmanager
async def session() -> AsyncIterator[Session]:
    """Connect with the hub as its operator does."""
    from hub import settings
    from hub.kernel.broker import connect, servers_of

    tree = settings.load()
    quiet_logs()
    client = await connect(servers_of(tree.nats, tree.data_dir), "hub demo")
    try:
        yield Session(tree, client, client.jetstream())
    finally:
        with suppress(OSError, NatsError):  # a store that went away has closed the connection for us
            await client.close()
