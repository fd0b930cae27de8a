"""Real processes of Functions, started from sources given as text."""

import asyncio
import os
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub.functions.environment import at_rest_environment
from hub.functions.model import Answer, Invocation, Launch
from hub.functions.runtime.interpreters import find_node
from hub.functions.runtime.pool import Pool
from hub.functions.runtime.worker import Worker
from hub.functions.settings import FunctionsSettings
from hub.kernel.errors import HubError, InvalidInput

QUICK = FunctionsSettings(retry_initial_seconds=0.02, retry_max_seconds=0.1, grace_seconds=2, concurrency=8)


async def until(fact: Callable[[], Any], limit_seconds: float = 10) -> Any:
    """Wait until a fact holds; returns it."""
    limit = time.monotonic() + limit_seconds
    while not (found := fact()):
        assert time.monotonic() < limit, "it did not happen in time"
        await asyncio.sleep(0.005)
    return found


def event_headers(**attributes: str) -> dict[str, str]:
    """Return the headers of a CloudEvent in binary mode with JSON data."""
    given = {"id": "e-1", "type": "order.created.v1", "source": "shop", "specversion": "1.0"} | attributes
    return {f"ce-{name}": value for name, value in given.items()} | {"content-type": "application/json"}


class Bench:
    """Starts Functions and keeps what they reported."""

    def __init__(self, directory: Path, spares: int = 0) -> None:
        """Work below a directory, with so many interpreters kept started."""
        self.directory = directory
        self.pool = Pool(spares)
        self.warm = spares > 0
        self.workers: list[Worker] = []
        self.reports: list[HubError | None] = []

    @property
    def log(self) -> Path:
        """Return the log file of the Functions."""
        return self.directory / "log"

    def home(self, **files: str) -> Path:
        """Return the directory of the next Function, with files in it (`handler_js` is `handler.js`)."""
        home = self.directory / f"revision-{len(self.workers)}"
        home.mkdir(exist_ok=True)
        for name, content in files.items():
            (home / name.replace("_", ".")).write_text(content)
        return home

    async def start(self, source: str, settings: FunctionsSettings = QUICK, **changes: Any) -> Worker:
        """Start a Function; its source may be indented."""
        home = self.home()
        (home / ("handler.js" if changes.get("node") else "handler.py")).write_text(textwrap.dedent(source))
        launch = Launch(
            label="default.orders",
            source=str(home),
            libraries=(),
            environment={"PATH": "/usr/bin:/bin", **at_rest_environment(os.environ)},
            context={
                "function-name": "orders",
                "namespace": "default",
                "timeout": 180.0,
                "runtime": "nodejs22" if changes.get("node") else "python312",
                "body-size-limit": 1024 * 1024,
            },
            log=str(self.log),
            timeout_seconds=10,
            concurrency=settings.concurrency,
            log_limit_bytes=settings.log_limit_bytes,
        )
        worker = Worker(replace(launch, **changes), settings, self.reports.append, self.pool)
        self.workers.append(worker)
        spares = await until(lambda: self.pool.pids) if self.warm else []
        await worker.start()
        assert not self.warm or worker.pids[0] in spares
        return worker

    async def stop(self) -> None:
        """End everything."""
        for worker in self.workers:
            await worker.stop(0)
        await self.pool.stop()

    async def answer(self, source: str, invocation: Invocation | None = None) -> Answer:
        """Start a Function and call it once."""
        worker = await self.start(source)
        return await worker.invoke(invocation or Invocation(headers=event_headers(), body=b'{"id": 7}'), 10)


async def node_path() -> str:
    """Return the path of a Node interpreter, or skip the test."""
    try:
        return (await find_node("nodejs22", None)).path
    except InvalidInput:
        pytest.skip("there is no Node on this machine; the extra `node` brings one")


@pytest.fixture
async def node() -> str:
    """Return the path of a Node interpreter."""
    return await node_path()


@pytest.fixture(params=["python", "node"])
async def interpreter(request: pytest.FixtureRequest) -> str:
    """Run the test for both languages: the path of Node, or nothing for Python."""
    return await node_path() if request.param == "node" else ""


_BOTH_WAYS = ("test_processes", "test_confinement", "test_mounts")
"""What a process does, suffers and may do must not depend on how it was started."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of processes with each one started for its Function, and with each one a spare that became it."""
    if "bench" in metafunc.fixturenames and metafunc.module.__name__.endswith(_BOTH_WAYS):
        metafunc.parametrize("bench", [0, 1], indirect=True, ids=["cold", "warm"])


@pytest.fixture
async def bench(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Return a bench; what it started is ended."""
    made = Bench(tmp_path, getattr(request, "param", 0))
    yield made
    await made.stop()
