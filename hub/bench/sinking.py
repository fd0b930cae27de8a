"""Runs the benchmark's HTTP sinks as processes of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hub.bench.driving import lines, started
from hub.bench.journal import Journal
from hub.kernel.errors import UpstreamUnavailable

PLAIN = "hub.bench.sink"


@asynccontextmanager
async def running_sink(journal: Journal, *arguments: str, module: str = PLAIN) -> AsyncIterator[tuple[int, int]]:
    """Run a sink that writes a journal; gives its pid and port.

    Raises:
        UpstreamUnavailable: it did not start.
    """
    async with started(module, str(journal.folder), *arguments) as process:
        async for line in lines(process):
            yield process.pid, int(line["port"])
            return
    raise UpstreamUnavailable("The sink of the benchmark did not start; what it said stands above.")
