"""Starts what peers need: a nats-server configured as the hub's own, and the peer's process."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from hub.bench.driving import say, started
from hub.bench.readiness import await_fact, takes_connections
from hub.kernel.errors import UpstreamUnavailable
from hub.up.paths import Paths
from hub.up.plan import Nats
from hub.up.server import configure

MODULES = {"bare": "hub.bench.peers.bare", "mq-bridge": "hub.bench.peers.mq_bridge"}
_LOG_LIMIT_BYTES = 1024 * 1024


@contextmanager
def event_store(directory: Path, sync: str) -> Iterator[tuple[str, int]]:
    """Run a nats-server as `hub up` does; gives its URL and pid."""
    paths = Paths(directory)
    paths.prepare()
    server = configure(paths, Nats(sync=sync), log_limit_bytes=_LOG_LIMIT_BYTES)
    process = subprocess.Popen(server.command, stdin=subprocess.DEVNULL)
    try:
        await_fact(server.answers, "nats-server")
        yield server.url, process.pid
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(directory, ignore_errors=True)


@asynccontextmanager
async def peer(name: str, url: str, port: int, *work: str) -> AsyncIterator[int]:
    """Run a peer; gives its pid as soon as the port takes connections: its own, or that of whom it delivers to."""
    async with started(MODULES[name], str(port), *work) as process:
        await say(process, f"{url}\n".encode())

        def ready() -> bool:
            if process.returncode is not None:
                raise UpstreamUnavailable(f"The peer '{name}' ended at once; what it said stands above.")
            return takes_connections(port)

        await asyncio.to_thread(await_fact, ready, f"The peer '{name}'")
        yield process.pid
