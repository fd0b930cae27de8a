"""Runs the benchmark's own processes and hears what they say, line by line."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import orjson

from hub.bench.plan import Plan
from hub.kernel.errors import UpstreamUnavailable

Line = dict[str, Any]
Hear = Callable[[Line], None]
LINE_BYTES = 16 * 1024 * 1024
"""Longest line that a process of the benchmark says: a result with the numbers of everything that was refused."""


class Loading(Protocol):
    """Runs a load; with `metered` its measured time is what the CPU time is taken of."""

    async def __call__(self, plan: Plan, *, metered: bool = True) -> Line:
        """Return what was counted and timed."""


@asynccontextmanager
async def started(module: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a module as a process; it is killed when the block ends, and ends by itself when this program dies."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
        start_new_session=True,  # Ctrl-C in a terminal is this program's to handle
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def lines(process: asyncio.subprocess.Process) -> AsyncIterator[Line]:
    """Give what the process says, until it ends."""
    if process.stdout is None:
        raise UpstreamUnavailable("The output of a process of the benchmark cannot be read.")
    async for line in process.stdout:
        yield orjson.loads(line)


async def say(process: asyncio.subprocess.Process, line: bytes) -> None:
    """Tell the process something."""
    if process.stdin is None:
        raise UpstreamUnavailable("A process of the benchmark takes no input.")
    process.stdin.write(line)
    await process.stdin.drain()


async def run_load(plan: Plan, hear: Hear) -> Line:
    """Run the load generator and return its result.

    Args:
        plan: what to send.
        hear: called with `{"pid": …}`, `{"phase": …}` and `{"answered": …}` as they come.

    Raises:
        UpstreamUnavailable: it could not connect, or ended without a result.
    """
    async with started("hub.bench.load") as process:
        hear({"pid": process.pid})
        await say(process, plan.encode())
        async for line in lines(process):
            if "result" in line:
                result: Line = line["result"]
                return result
            if "failure" in line:
                raise UpstreamUnavailable(f"The load could not begin: {line['failure']}")
            hear(line)
    raise UpstreamUnavailable("The load generator ended without a result; what it said stands above.")
