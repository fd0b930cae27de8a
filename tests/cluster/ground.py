"""Nodes, workers and receivers as an operator has them: the generated configuration, certificates, `hub run`."""

import asyncio
import base64
import contextlib
import os
import re
import shlex
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson

from hub.cluster import certificates
from hub.cluster.access import access_of
from hub.cluster.configuration import ACCOUNTS_FILE, SERVER_FILE, STORE_DIR, TLS_DIR, Site, accounts_text, server_text
from hub.cluster.permissions import OPERATOR, SYSTEM, Permissions, inbox_of, processes
from hub.commands.connection.pairing import pair
from hub.commands.nats import granted_to_all
from hub.house import LISTENERS
from hub.kernel.broker import connect
from hub.kernel.client import Client
from hub.kernel.settings import NatsSettings
from hub.up import procfile
from hub.up.ports import free_port
from tests.conftest import nats_server_binary

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
MASTER_KEY = base64.b64encode(bytes(range(32))).decode()
_GRANTED: dict[str, Permissions] = {}


async def granted() -> dict[str, Permissions]:
    """Return what each kind of process may do; read from the rooms once."""
    if not _GRANTED:
        _GRANTED.update(await granted_to_all(()))
    return _GRANTED


async def until(fact: Callable[[], object], seconds: float = 60, what: str = "it") -> None:
    """Wait for a fact."""
    limit = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < limit, f"{what} did not happen in time"
        await asyncio.sleep(0.02)


@dataclass
class Node:
    """One nats-server."""

    name: str
    directory: Path
    port: int
    route: int
    monitor: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again on what it kept."""
        command = [nats_server_binary(), "-c", str(self.directory / SERVER_FILE), "-l", str(self.log)]
        self.process = subprocess.Popen(command, env={**os.environ, "NATS_NODE": self.name})

    def kill(self) -> None:
        """End it with -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    @property
    def log(self) -> Path:
        """Return its log."""
        return self.directory / "log"


@dataclass
class Nodes:
    """Some nodes, and certificates for everybody."""

    directory: Path
    nodes: list[Node]

    @property
    def url(self) -> str:
        """Return where workers connect."""
        return ",".join(f"tls://{HOST}:{node.port}" for node in self.nodes)

    def settings(self, user: str) -> NatsSettings:
        """Return how a user connects."""
        tls = self.directory / "tls"
        return NatsSettings(
            url=self.url, ca_file=tls / "ca.crt", certificate_file=tls / f"{user}.crt", key_file=tls / f"{user}.key",
            inbox_prefix=inbox_of(user), replicas=len(self.nodes), declare_layout=False, wait_seconds=120,
        )  # fmt: skip

    def environment(self, user: str) -> dict[str, str]:
        """Return the same as environment variables, as an operator sets them."""
        values = self.settings(user).model_dump(exclude={"url", "port", "sync"})
        return {f"HUB_NATS__{name.upper()}": str(value) for name, value in values.items()} | {"HUB_NATS__URL": self.url}

    async def connect(self, user: str) -> Client:
        """Connect with somebody's certificate."""
        settings = self.settings(user)
        return await connect(self.url.split(","), f"test {user}", **access_of(settings))

    def violations(self) -> list[str]:
        """Return the lines of the logs in which a permission was missing."""
        lines = [line for node in self.nodes for line in node.log.read_text().splitlines()]
        return sorted({re.sub(r"^.*? - (?=cid|\")", "", line) for line in lines if "Violation" in line})


def write_nodes(directory: Path, count: int, permissions: dict[str, Permissions]) -> Nodes:
    """Write certificates and configuration of nodes on this machine: the products, on free ports and other paths."""
    tls = directory / "tls"
    certificates.write(tls, [HOST], [*processes(), OPERATOR, SYSTEM], days=2)
    nodes = [
        Node(f"node-{number}", directory / f"node-{number}", free_port(), free_port(), free_port())
        for number in range(count)
    ]
    routes = "\n".join(f'    "tls://{HOST}:{node.route}"' for node in nodes)
    for node in nodes:
        text = server_text(Site([HOST]), "test")
        text = re.sub(r"(?<=routes: \[\n).*?(?=\n  \])", routes, text, flags=re.DOTALL)
        for old, new in (
            ("0.0.0.0:4222", f"{HOST}:{node.port}"),
            ("0.0.0.0:6222", f"{HOST}:{node.route}"),
            (f"{HOST}:8222", f"{HOST}:{node.monitor}"),
            (STORE_DIR, str(node.directory / "store")),
            (f"{TLS_DIR}/tls", str(tls / HOST)),
            (f"{TLS_DIR}/ca", str(tls / "ca")),
        ):
            assert old in text
            text = text.replace(old, new)
        if count == 1:
            text = re.sub(r"cluster \{.*?\n\}\n", "", text, flags=re.DOTALL)
        node.directory.mkdir()
        (node.directory / SERVER_FILE).write_text(text)
        (node.directory / ACCOUNTS_FILE).write_text(accounts_text(permissions, "test"))
    return Nodes(directory, nodes)


@dataclass
class Worker:
    """One `hub run`."""

    kind: str
    place: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def is_ready(self) -> bool:
        """Return whether it said so."""
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        return "process.ready" in self.log.read_text()


@dataclass
class Hub:
    """Workers on some machines; here each machine is a data directory of its own, behind the same ports."""

    nodes: Nodes
    directory: Path
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in LISTENERS})
    more: dict[str, str] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)

    def environment(self, user: str, place: str) -> dict[str, str]:
        """Return the environment of one process."""
        own = {
            "HUB_DATA_DIR": str(self.directory / place), "HUB_KEYS__MASTER": MASTER_KEY, "PYTHONPATH": str(ROOT),
            "HUB_LOGS__FORMAT": "json", "HUB_STOP_SECONDS": "8", "HUB_INGRESS__PUBLISH_TIMEOUT_SECONDS": "2",
        }  # fmt: skip
        ports = {f"HUB_{name.upper()}__PORT": str(port) for name, port in self.ports.items()}
        return {**os.environ, **own, **ports, **self.nodes.environment(user), **self.more}

    def run(self, kind: str, place: str) -> Worker:
        """Start a line of the Procfile."""
        [command] = [line.command for line in procfile.read(procfile.find()) if line.name == kind]
        log = self.directory / f"{kind}-{place}-{len(self.workers)}.log"
        with log.open("wb") as output:
            words = [sys.executable, "-P", "-m", *shlex.split(command)]
            environment = self.environment(kind, place)
            process = subprocess.Popen(words, env=environment, stdout=output, stderr=subprocess.STDOUT)
        self.workers.append(Worker(kind, place, process, log))
        return self.workers[-1]

    async def start(self, *places: str) -> None:
        """Start every kind of process at every place, and wait until all are ready."""
        started = [self.run(kind, place) for place in places for kind in processes()]
        for worker in started:
            await until(lambda worker=worker: worker.is_ready, 120, f"{worker.kind} of {worker.place}")

    def command(self, *words: str, stdin: str = "", status: int = 0) -> str:
        """Run a command as the operator."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "hub", *words], input=stdin, capture_output=True, text=True, timeout=120,
            env=self.environment(OPERATOR, "desk"), check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    async def ask(self, *words: str, stdin: str = "") -> str:
        """Run a command beside what else goes on."""
        return await asyncio.to_thread(self.command, *words, stdin=stdin)

    async def apply(self, *documents: dict[str, Any]) -> None:
        """Apply manifests."""
        await self.ask("apply", "-f", "-", stdin="\n---\n".join(orjson.dumps(one).decode() for one in documents))

    async def pair(self, application: str, place: str) -> httpx.AsyncClient:
        """Pair a solution and return its client."""
        url = orjson.loads(await self.ask("token", application, "--create", "-o", "json"))["url"]
        authority = self.directory / place / "ca.crt"
        paired = await asyncio.to_thread(pair, url, self.directory / f"solution-{application}", ca=authority)
        context = ssl.create_default_context(cafile=paired["ca"])
        context.load_cert_chain(paired["certificate"], paired["key"])
        edge = f"https://localhost:{self.ports['edge']}"
        return httpx.AsyncClient(base_url=edge, verify=context, timeout=8, trust_env=False)

    def end(self, workers: Iterable[Worker], number: signal.Signals = signal.SIGKILL) -> None:
        """End workers, killed unless told otherwise, and wait for it."""
        ended = list(workers)
        for worker in ended:
            worker.process.send_signal(number)
        for worker in ended:
            worker.process.wait(30)
        self.workers = [worker for worker in self.workers if worker not in ended]


@dataclass
class Receiver:
    """What the sinks and the Function got, by path."""

    port: int = 0
    got: dict[str, list[tuple[str, float]]] = field(default_factory=dict)

    def ids(self, path: str) -> list[str]:
        """Return the ids that came on a path, in order, repetitions included."""
        return [event_id for event_id, _ in self.got.get(path, [])]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take events; one whose id begins with `bad` is refused for good."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                pairs = (line.partition(":") for line in lines[1:] if line)
                headers = {name.lower(): value.strip() for name, _, value in pairs}
                await reader.readexactly(int(headers.get("content-length", "0")))
                event_id, path = headers.get("ce-id", ""), lines[0].split(" ")[1].strip("/")
                status = 400 if event_id.startswith("bad") else 200
                if status == 200:
                    self.got.setdefault(path, []).append((event_id, time.monotonic()))
                writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n".encode())
                await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Serve sinks on a free port."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, HOST, 0)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    server.close()


@asynccontextmanager
async def a_cluster(directory: Path, nodes: int, **more: str) -> AsyncIterator[Hub]:
    """Start nodes and prepare streams and buckets; what was started is ended."""
    made = write_nodes(directory, nodes, await granted())
    hub = Hub(made, directory, more=more)
    try:
        for node in made.nodes:
            node.start()
        await declare(hub)
        yield hub
    finally:
        hub.end(hub.workers)
        for node in made.nodes:
            node.kill()


async def declare(hub: Hub) -> None:
    """Prepare streams and buckets as soon as the cluster has chosen its leaders."""
    limit = time.monotonic() + 90
    while True:
        try:
            return print(await hub.ask("nats", "declare"))  # noqa: T201 - shown when a test fails
        except AssertionError:
            assert time.monotonic() < limit
            await asyncio.sleep(0.5)


def application(name: str) -> dict[str, Any]:
    """Return an Application."""
    kind = {"apiVersion": "applicationconnector.kyma-project.io/v1alpha1", "kind": "Application"}
    return kind | {"metadata": {"name": name}, "spec": {"description": "counts"}}


def subscription(name: str, sink: str, types: list[str], **delivery: Any) -> dict[str, Any]:
    """Return a Subscription that retries soon and for long."""
    patient = {"maxAttempts": 1000, "timeout": "3s", "backoff": {"initial": "100ms", "max": "500ms"}}
    return {
        "apiVersion": "eventing.kyma-project.io/v1alpha2", "kind": "Subscription", "metadata": {"name": name},
        "spec": {"source": "shop", "sink": sink, "types": types, "delivery": patient | delivery | {
            "circuitBreaker": False}},
    }  # fmt: skip


def function(name: str, address: str) -> dict[str, Any]:
    """Return a Function that tells a sink the id of each event."""
    source = (
        "from urllib.request import Request, urlopen\n\n"
        f"def main(event, context):\n    told = Request('{address}', headers={{'ce-id': event['ce-id']}})\n"
        "    urlopen(told, timeout=5).read()\n"
    )
    return {
        "apiVersion": "serverless.kyma-project.io/v1alpha2", "kind": "Function", "metadata": {"name": name},
        "spec": {"runtime": "python312", "source": {"inline": {"source": source}}},
    }  # fmt: skip


async def post(client: httpx.AsyncClient, event_id: str, kind: str = "order.created.v1", **attributes: str) -> int:
    """Post an event until it is stored or refused for good; returns the status."""
    headers = {"ce-specversion": "1.0", "ce-id": event_id, "ce-source": "shop", "ce-type": kind}
    headers |= {f"ce-{name}": value for name, value in attributes.items()}
    limit = time.monotonic() + 90
    while True:
        status = 0
        with contextlib.suppress(httpx.TransportError):
            status = (await client.post("/shop/events", headers=headers, json={"n": 1})).status_code
        if status not in {0, 429, 502, 503, 504, 507}:
            return status
        assert time.monotonic() < limit, f"{event_id} was not taken in time, last answer {status or 'none'}"
        await asyncio.sleep(0.1)
