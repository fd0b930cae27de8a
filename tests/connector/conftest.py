"""What the connector's tests share: signing requests made by openssl, and a connector that runs on a real server."""

import base64
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from contracts import subjects
from hub.connector.authority import create
from hub.connector.model import Authority, Client, Subject
from hub.connector.settings import SubjectSettings
from hub.connector.subject import subject_of
from hub.house import Running
from hub.kernel.broker import Bus
from hub.kernel.resource import RESOURCES, Resource
from hub.kernel.state import Bucket
from tests.conftest import make_settings

API_VERSION = "applicationconnector.kyma-project.io/v1alpha1"

NOW = datetime(2030, 5, 17, 12, 0, tzinfo=UTC)
SUBJECT = "/O=Organization/OU=OrgUnit/L=Waldorf/ST=Waldorf/C=DE/CN=shop"

Make = Callable[..., str]


def openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    """Run openssl; its error output becomes the failure."""
    run = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a private key by kind (`rsa:2048`, `ec:P-256`, `ed25519`), made once per run."""
    folder = tmp_path_factory.mktemp("keys")

    def make(kind: str) -> Path:
        path = folder / f"{kind.replace(':', '-')}.pem"
        if not path.exists():
            algorithm, _, size = kind.partition(":")
            option = {"rsa": f"rsa_keygen_bits:{size}", "ec": f"ec_paramgen_curve:{size}"}.get(algorithm)
            extra = ["-pkeyopt", option] if option else []
            path.write_bytes(openssl("genpkey", "-algorithm", algorithm, *extra))
        return path

    return make


@pytest.fixture(scope="session")
def make_csr(key_file: Callable[[str], Path]) -> Make:
    """Return base64 of a PEM signing request, as a client sends it."""

    def make(kind: str = "rsa:2048", subject: str = SUBJECT, *options: str) -> str:
        return base64.b64encode(
            openssl("req", "-new", "-key", str(key_file(kind)), "-subj", subject, *(options or ("-sha256",)))
        ).decode()

    return make


@pytest.fixture(scope="session")
def authority() -> Authority:
    """An ECDSA authority, valid around `NOW`."""
    return create("ecdsa-p256", now=NOW, days=365)


@pytest.fixture
def shop() -> Subject:
    """The subject that the Application `shop` must ask for."""
    return subject_of(Client("shop"), SubjectSettings())


@dataclass
class Edge:
    """A running connector, as connected solutions and operators reach it."""

    process: Running
    bus: Bus
    url: str
    ca: Path
    folder: Path

    async def register(self, name: str, spec: dict[str, Any] | None = None) -> None:
        """Store an Application, as the registry does."""
        document = {"apiVersion": API_VERSION, "kind": "Application", "metadata": {"name": name}, "spec": spec or {}}
        resource = Resource.from_document(document, scoped=False)
        await Bucket(self.bus.js, subjects.APPLICATIONS, RESOURCES).put(resource.key, resource)

    async def remove(self, name: str) -> None:
        """Remove an Application, as the registry does."""
        await Bucket(self.bus.js, subjects.APPLICATIONS, RESOURCES).delete(subjects.key("cluster", name))

    async def ask(self, plural: str, verb: str, request: Any) -> tuple[str, dict[str, Any]]:
        """Ask as the command line does; returns status and answer."""
        reply = await self.bus.nc.request(subjects.ask(plural, verb), orjson.dumps(request), timeout=5)
        return (reply.headers or {})["Hub-Status"], orjson.loads(reply.data)

    async def offer(self, name: str) -> str:
        """Return a pairing URL."""
        status, answer = await self.ask("tokens", "create", {"application": name})
        assert status == "200", answer
        return str(answer["url"])

    def client(
        self, certificate: Path | None = None, key: Path | None = None, ca: Path | None = None
    ) -> httpx.AsyncClient:
        """Return a client that trusts the hub (or another file), with or without a certificate."""
        context = ssl.create_default_context(cafile=ca or self.ca)
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        return httpx.AsyncClient(verify=context, timeout=10)

    async def pair(self, name: str, csr: str, key: Path) -> httpx.AsyncClient:
        """Walk the whole pairing; returns a client with the new certificate."""
        return self.client(await self.certificate(name, csr), key)

    async def certificate(self, name: str, csr: str) -> Path:
        """Walk the whole pairing; returns the file of the new certificate."""
        async with self.client() as plain:
            info = (await plain.get(await self.offer(name))).json()
            answer = await plain.post(info["csrUrl"], json={"csr": csr})
        assert answer.status_code == 201, answer.text
        return self.keep(name, answer)

    def keep(self, name: str, answer: httpx.Response) -> Path:
        """Write the certificate of an answer to a file of its own."""
        certificate = self.folder / f"{name}-{len(list(self.folder.iterdir()))}.pem"
        certificate.write_bytes(base64.b64decode(answer.json()["crt"]))
        return certificate


OpenEdge = Callable[..., Awaitable[Edge]]


@pytest.fixture
def open_edge(
    running: Callable[..., Awaitable[Running]], bus: Bus, tmp_path: Path, nats_url: str
) -> Callable[..., Awaitable[Edge]]:
    """Return a function that runs a connector on a free port: `await open_edge(rooms=[...], **settings)`."""

    async def start(rooms: tuple[str, ...] = ("connector",), **changes: Any) -> Edge:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        changes["edge"] = {"port": port, **changes.get("edge", {})}
        tree = make_settings(tmp_path, nats_url, **changes)
        process = await running(list(rooms), ["edge"], tree)
        pairing_folder = tmp_path / "solution"
        pairing_folder.mkdir(exist_ok=True)
        edge = Edge(process, bus, f"https://localhost:{port}", tmp_path / "ca.crt", pairing_folder)
        await edge.register("shop")
        return edge

    return start


@pytest.fixture
async def edge(open_edge: OpenEdge) -> Edge:
    """A connector on a free port of its own, and the Application `shop`."""
    return await open_edge()
