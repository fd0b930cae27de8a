"""One real hub for the security tests of a test process, started the careless way: umask 0, on a directory for all."""

import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from hub.commands.connection.pairing import pair
from hub.house import LISTENERS
from hub.up.client import start_hub
from hub.up.ports import free_port
from tests.gateway.conftest import gateway, start, targets
from tests.journeys.conftest import House

__all__ = ["gateway", "start", "targets"]  # the fixtures

SETTINGS = {
    "HUB_LOGS__LEVEL": "debug",
    "HUB_LOGS__FORMAT": "json",
    "HUB_REGISTRY__SPEC_TIMEOUT_SECONDS": "10",
    "HUB_GATEWAY__TIMEOUT_SECONDS": "3",
    "HUB_DISPATCH__RECORD_SUCCESSES": "true",
}
Solution = Callable[[str], httpx.Client]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Return a running hub."""
    data_dir = tmp_path_factory.mktemp("security") / "hub"
    data_dir.mkdir()
    data_dir.chmod(0o755)  # as an operator's tool makes it
    ports = {f"HUB_{name.upper()}__PORT": str(free_port()) for name in LISTENERS}
    before = os.umask(0)
    try:
        running = start_hub(data_dir, ports | SETTINGS, limit_seconds=120)
    finally:
        os.umask(before)
    yield House(running, os.environ | ports | SETTINGS | {"HUB_DATA_DIR": str(data_dir)})
    running.stop()


@pytest.fixture(scope="session")
def paired(house: House, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Path]]:
    """Return a function that pairs a solution, once, and gives its files: `certificate`, `key`, `ca`."""
    known: dict[str, dict[str, Path]] = {}

    def connect(name: str) -> dict[str, Path]:
        if name not in known:
            url = house.answer("token", name, "--create")["url"]
            files = pair(url, tmp_path_factory.mktemp(name), ca=house.authority)
            known[name] = {each: Path(files[each]) for each in ("certificate", "key", "ca")}
        return known[name]

    return connect


@pytest.fixture(scope="session")
def solution(house: House, paired: Callable[[str], dict[str, Path]]) -> Iterator[Solution]:
    """Return a function that gives the client of a paired solution: mutual TLS to the edge."""
    clients: dict[str, httpx.Client] = {}

    def connect(name: str) -> httpx.Client:
        if name not in clients:
            files = paired(name)
            context = ssl.create_default_context(cafile=str(files["ca"]))
            context.load_cert_chain(files["certificate"], files["key"])
            clients[name] = httpx.Client(base_url=house.edge, verify=context, timeout=30, trust_env=False)
        return clients[name]

    yield connect
    for client in clients.values():
        client.close()
