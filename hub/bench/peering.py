"""Runs a peer on the same work: the same load, a nats-server configured as the hub's own, the same streams.

Hub and peer take turns, run by run, so that a machine that is slow for a while is slow for both.
"""

import asyncio
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hub.bench.bench import document_of
from hub.bench.driving import Hear, Line, run_load, say, started
from hub.bench.options import Options
from hub.bench.scenarios.ingress import measured_of, plan_of, stored_in
from hub.bench.usage import Meter, memory_of
from hub.kernel.broker import connect
from hub.kernel.errors import Misconfigured, UpstreamUnavailable
from hub.kernel.layout import declare
from hub.up.paths import Paths
from hub.up.plan import Nats
from hub.up.ports import free_port
from hub.up.server import configure

MODULES = {"bare": "hub.bench.peers.bare", "mq-bridge": "hub.bench.peers.mq_bridge"}
PACKAGES = {"mq-bridge": "mq_bridge"}
START_SECONDS = 20.0
_POLL_SECONDS = 0.02
_LOG_LIMIT_BYTES = 1024 * 1024


def check(name: str) -> None:
    """Refuse a peer whose package is not installed.

    Raises:
        Misconfigured: it is not.
    """
    if name in PACKAGES and find_spec(PACKAGES[name]) is None:
        raise Misconfigured(f"The peer '{name}' is not installed; run `pip install 'integration-hub[bench]'`.")


def measure_peer(options: Options, directory: Path, hear: Hear) -> dict[str, Any]:
    """Run the peer of the options once and return its result, in the form of a run of the hub."""
    began = time.monotonic()
    with _event_store(directory / "peer", options.sync) as (url, pid):
        return asyncio.run(_perform(options, url, pid, began, hear))


async def _perform(options: Options, url: str, nats_pid: int, began: float, hear: Hear) -> dict[str, Any]:
    from hub import settings

    client = await connect([url], "hub bench")
    port = free_port()
    try:
        js = client.jetstream()
        await declare(js, settings.load().kernel())
        async with _peer(str(options.peer), url, port) as peer_pid:
            ready_seconds = round(time.monotonic() - began, 3)
            meter = Meter(lambda: {"nats-server": [nats_pid], "peer": [peer_pid]})
            idle = {kind: round(size, 1) for kind, size in memory_of(meter.pids()).items()}
            before = await stored_in(js)
            result = await _load(options, port, meter, hear)
            measured = measured_of(options, result, await stored_in(js) - before)
            return document_of(measured, meter, ready_seconds, idle)
    finally:
        await client.close()


async def _load(options: Options, port: int, meter: Meter, hear: Hear) -> Line:
    def heard(line: Line) -> None:
        meter.hear(line)
        hear(line)

    async with meter.sampling():
        return await run_load(plan_of(options, f"http://127.0.0.1:{port}", "/events"), heard)


@contextmanager
def _event_store(directory: Path, sync: str) -> Iterator[tuple[str, int]]:
    """Run a nats-server as `hub up` does; gives its URL and pid."""
    paths = Paths(directory)
    paths.prepare()
    server = configure(paths, Nats(sync=sync), log_limit_bytes=_LOG_LIMIT_BYTES)
    process = subprocess.Popen(server.command, stdin=subprocess.DEVNULL)
    try:
        _await(server.answers, "nats-server")
        yield server.url, process.pid
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(directory, ignore_errors=True)


@asynccontextmanager
async def _peer(name: str, url: str, port: int) -> AsyncIterator[int]:
    """Run the peer; gives its pid as soon as it takes connections."""
    async with started(MODULES[name], str(port)) as process:
        await say(process, f"{url}\n".encode())

        def ready() -> bool:
            if process.returncode is not None:
                raise UpstreamUnavailable(f"The peer '{name}' ended at once; what it said stands above.")
            return _takes_connections(port)

        await asyncio.to_thread(_await, ready, f"The peer '{name}'")
        yield process.pid


def _takes_connections(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _await(fact: Callable[[], bool], who: str) -> None:
    limit = time.monotonic() + START_SECONDS
    while not fact():
        if time.monotonic() > limit:
            raise UpstreamUnavailable(f"{who} did not start within {START_SECONDS:.0f} s; what it said stands above.")
        time.sleep(_POLL_SECONDS)
