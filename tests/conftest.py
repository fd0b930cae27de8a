"""One real nats-server per test run; streams and buckets wiped for each test that asks for the bus."""

import asyncio
import os
import shutil
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck
from hypothesis import settings as laws
from nats.js import JetStreamContext

from hub.house import Running
from hub.kernel.broker import Bus, connect
from hub.kernel.errors import BrokerUnavailable
from hub.layout import declare
from hub.settings import HubSettings

# Settings of the machine that runs the tests must not reach them.
for _name in [name for name in os.environ if name.startswith("HUB_")]:
    del os.environ[_name]

# How long a law's example takes says something about the machine, not about the law.
laws.register_profile("hub", deadline=None, suppress_health_check=[HealthCheck.too_slow])
laws.load_profile("hub")


def nats_server_binary() -> str:
    """Return the bundled server."""
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    assert found is not None, "nats-server is installed with the project"
    return found


def start_nats(directory: Path, port: int = -1) -> tuple[subprocess.Popen[bytes], str]:
    """Start a nats-server with JetStream; returns the process and its URL once it listens."""
    directory.mkdir(parents=True, exist_ok=True)
    for stale in directory.glob("*.ports"):
        stale.unlink()
    command = [nats_server_binary(), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(directory / "store")]
    process = subprocess.Popen(
        [*command, "--ports_file_dir", str(directory)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    limit = time.monotonic() + 10
    ports = directory / f"nats-server_{process.pid}.ports"
    while not (ports.exists() and '"nats"' in ports.read_text()):
        assert process.poll() is None and time.monotonic() < limit, "nats-server did not start"
        time.sleep(0.01)
    url = ports.read_text().split('"nats"')[1].split('"')[1]
    return process, url.replace("0.0.0.0", "127.0.0.1")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Let each test hear the log: a command that runs in the tests' own process silences it."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def nats_url() -> Iterator[str]:
    """Return the URL of a nats-server that lives as long as the test run."""
    directory = Path(tempfile.mkdtemp(prefix="hub-nats-"))
    process, url = start_nats(directory)
    yield url
    process.terminate()
    process.wait(10)
    shutil.rmtree(directory, ignore_errors=True)


async def wipe(js: JetStreamContext) -> None:
    """Remove every stream, and with them buckets and consumers."""
    for stream in await js.streams_info():
        await js.delete_stream(stream.config.name)


async def declare_again(bus: Bus, settings: HubSettings) -> None:
    """Declare the streams that were just wiped: nats-server is still removing their directories, and may say so."""
    for _ in range(20):
        try:
            return await declare(bus.js, settings.kernel())
        except BrokerUnavailable:
            await asyncio.sleep(0.05)
    return await declare(bus.js, settings.kernel())


def make_settings(data_dir: Path, url: str, **changes: object) -> HubSettings:
    """Return settings for tests: free ports, a server of the test run's own."""
    free = {"port": 0}
    values: dict[str, object] = {
        "data_dir": data_dir,
        "nats": {"url": url},
        "edge": free,
        "internal": free,
        "public": free,
        "gateway": free,
        "gateway_compass": free,
        "logs": {"level": "debug", "format": "json"},
        "stop_seconds": 5,
    }
    return HubSettings(_env_file=None, **(values | changes))  # type: ignore[call-arg, arg-type]  # pydantic-settings


@pytest.fixture
def settings(tmp_path: Path, nats_url: str) -> HubSettings:
    """Return the settings of a hub on the test run's nats-server."""
    return make_settings(tmp_path, nats_url)


@pytest.fixture
async def bus(nats_url: str, settings: HubSettings) -> AsyncIterator[Bus]:
    """Return a connection with freshly declared streams and buckets."""
    client = await connect([nats_url], "tests")
    bus = Bus(client)
    await wipe(bus.js)
    await bus.start()
    await declare_again(bus, settings)
    yield bus
    await bus.close()


Starter = Callable[..., "AsyncIterator[Running]"]


@pytest.fixture
async def running(bus: Bus, settings: HubSettings) -> AsyncIterator[Callable[..., object]]:
    """Return a function that runs rooms in this process: `await running(["registry"], ["edge"])`."""
    started: list[Running] = []

    async def run(rooms: list[str], listeners: list[str] | None = None, tree: HubSettings | None = None) -> Running:
        process = Running(tree or settings)
        started.append(process)
        await process.start(rooms, listeners or [])
        return process

    yield run
    for process in reversed(started):
        await process.stop()
