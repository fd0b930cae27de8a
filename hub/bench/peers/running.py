"""Starts what peers need: a nats-server configured as the hub's own, and the peer's process.

Peers of this package end when their standard input is closed. Other programs know nothing of that: on Linux the kernel
kills them when the benchmark dies, however it dies.
"""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hub.bench.driving import say, started
from hub.bench.readiness import await_fact, takes_connections
from hub.kernel.errors import UpstreamUnavailable
from hub.up.paths import Paths
from hub.up.plan import Nats
from hub.up.server import configure
from hub.up.spawning import die_with

MODULES = {"bare": "hub.bench.peers.bare", "mq-bridge": "hub.bench.peers.mq_bridge"}
_LOG_LIMIT_BYTES = 1024 * 1024
_END_SECONDS = 5.0


@contextmanager
def event_store(directory: Path, sync: str) -> Iterator[tuple[str, int]]:
    """Run a nats-server as `hub up` does; gives its URL and pid."""
    paths = Paths(directory)
    paths.prepare()
    server = configure(paths, Nats(sync=sync), log_limit_bytes=_LOG_LIMIT_BYTES)
    process = subprocess.Popen(
        server.command,
        stdin=subprocess.DEVNULL,
        preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - it makes one system call
    )
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

        await _await_connections(name, process, port)
        yield process.pid


@dataclass(frozen=True, slots=True)
class Program:
    """A program of others that is run as a peer."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]


@asynccontextmanager
async def other_program(program: Program, directory: Path, port: int) -> AsyncIterator[int]:
    """Run a program in a directory that is gone afterwards; gives its pid as soon as it takes connections at a port.

    Raises:
        UpstreamUnavailable: it ended at once, or takes none in time.
    """
    process = await asyncio.create_subprocess_exec(
        *program.command,
        stdin=asyncio.subprocess.DEVNULL,
        env=program.env,
        cwd=directory,
        start_new_session=True,  # Ctrl-C in a terminal is this program's to handle
        preexec_fn=die_with(os.getpid()),
    )
    try:
        await _await_connections(program.name, process, port)
        yield process.pid
    finally:
        await _end(process)
        shutil.rmtree(directory, ignore_errors=True)


async def _await_connections(name: str, process: asyncio.subprocess.Process, port: int) -> None:
    def ready() -> bool:
        if process.returncode is not None:
            raise UpstreamUnavailable(f"The peer '{name}' ended at once; what it said stands above.")
        return takes_connections(port)

    await asyncio.to_thread(await_fact, ready, f"The peer '{name}'")


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a program with all its processes: asked first, for the one that was started ends the others."""
    if process.returncode is None:
        process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _END_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
