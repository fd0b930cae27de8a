"""One real hub for the journeys that do not kill it, and connected solutions that paired with it."""

import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from hub.commands.connection.pairing import pair
from hub.house import LISTENERS
from hub.up.client import RunningHub, start_hub
from hub.up.ports import free_port


@dataclass(frozen=True)
class House:
    """A running hub as its operator has it."""

    running: RunningHub
    env: dict[str, str]

    @property
    def edge(self) -> str:
        """Return the address of the edge."""
        return self.running.listeners["edge"]

    @property
    def authority(self) -> Path:
        """Return the certificate by which the edge is checked."""
        return self.running.data_dir / "ca.crt"

    def hub(self, *arguments: str, stdin: str = "", status: int = 0) -> str:
        """Run a command; return what it printed, of a refused one the complaint too."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "hub", *arguments],
            env=self.env, input=stdin, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr if status else done.stdout

    def answer(self, *arguments: str) -> Any:
        """Run a command and return its JSON."""
        return orjson.loads(self.hub(*arguments, "-o", "json"))


def played(directory: Path, *options: str) -> dict[str, Any]:
    """Play the demo in a directory of its own, its temporary files there too; return the result of one that held."""
    run = subprocess.run(
        [sys.executable, "-m", "hub", "demo", "--json", *options],
        cwd=directory,
        env={**os.environ, "TMPDIR": str(directory)},
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stdout.decode()[:4000] + run.stderr.decode()
    result: dict[str, Any] = orjson.loads(run.stdout)
    assert result["held"] and result["complaints"] == []
    assert result["outcomes"] == {
        "delivered": 196, "refused": 2, "duplicate": 1, "dead-lettered": 1, "unaccounted": 0
    }  # fmt: skip
    assert result["tally"]["replayed"] == 1
    return result


Solution = Callable[[str], httpx.Client]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Return a hub for the tests of one file."""
    data_dir = tmp_path_factory.mktemp("journey") / "hub"
    ports = {f"HUB_{name.upper()}__PORT": str(free_port()) for name in LISTENERS}
    # A store that was killed stays away long enough to be missed.
    settings = ports | {"HUB_INGRESS__PUBLISH_TIMEOUT_SECONDS": "1", "HUB_UP__BACKOFF_SECONDS": "2"}
    running = start_hub(data_dir, settings)
    yield House(running, os.environ | settings | {"HUB_DATA_DIR": str(data_dir)})
    running.stop()


@pytest.fixture(scope="module")
def solution(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Solution]:
    """Return a function that pairs a solution of a name, once, and gives its client: mutual TLS to the edge."""
    clients: dict[str, httpx.Client] = {}

    def connect(name: str) -> httpx.Client:
        if name not in clients:
            url = house.answer("token", name, "--create")["url"]
            paired = pair(url, tmp_path_factory.mktemp(name), ca=house.authority)
            context = ssl.create_default_context(cafile=paired["ca"])
            context.load_cert_chain(paired["certificate"], paired["key"])
            clients[name] = httpx.Client(base_url=house.edge, verify=context, timeout=30, trust_env=False)
        return clients[name]

    yield connect
    for client in clients.values():
        client.close()


@pytest.fixture(scope="module")
def stranger(house: House) -> Iterator[httpx.Client]:
    """Return a client without a certificate."""
    context = ssl.create_default_context(cafile=str(house.authority))
    with httpx.Client(base_url=house.edge, verify=context, timeout=30, trust_env=False) as client:
        yield client
