"""What the registry's tests share: the room on a real server, called as a solution and asked as an operator."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from nats.js.errors import NotFoundError

from contracts import subjects
from hub.commands.session import Session
from hub.house import Running
from hub.kernel.broker import Bus
from hub.kernel.errors import NotFound, UpstreamUnavailable
from hub.kernel.http.app import application
from hub.kernel.identity import PEER, Peer
from hub.kernel.resource import RESOURCES, Resource
from hub.kernel.state import Bucket
from tests.conftest import make_settings

API_VERSION = "applicationconnector.kyma-project.io/v1alpha1"
DETAILS = {"provider": "Shop team", "name": "Order API", "description": "Orders"}

Run = Callable[..., Awaitable[Running]]


def certificate(common_name: str) -> bytes:
    """Return a certificate with a common name as DER; that it is signed by the right authority is the listener's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(1))
    return made.not_valid_after(now + timedelta(1)).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


SHOP = certificate("shop")


@dataclass
class Registry:
    """A running registry, as the tests speak to it."""

    process: Running
    bus: Bus
    session: Session

    def client(self, certificate: bytes | None = SHOP) -> httpx.AsyncClient:
        """Return a client of the metadata API that presents a certificate."""
        app = application(self.process.rooms[0].routes["edge"])

        async def with_peer(scope: Any, receive: Any, send: Any) -> None:
            await app(scope | {"state": {PEER: Peer(certificate)}}, receive, send)

        return httpx.AsyncClient(transport=httpx.ASGITransport(with_peer), base_url="https://edge")

    async def answering(self) -> None:
        """Wait until the room's subscriptions have reached the server: it uses another connection than the tests."""
        async with asyncio.timeout(5):
            while True:
                try:
                    await self.session.ask("applications", "delete", {"name": "none"})
                except NotFound:
                    return
                except UpstreamUnavailable:
                    await asyncio.sleep(0.005)

    async def apply(self, document: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Apply a document as the command line does."""
        plural = {"Application": "applications", "Secret": "secrets", "ConfigMap": "configmaps"}[document["kind"]]
        return await self.session.ask(plural, "apply", {"document": document} | options)

    async def application(self, name: str = "shop", spec: dict[str, Any] | None = None) -> None:
        """Apply an Application and wait until its certificate is admitted."""
        await self.apply(
            {"apiVersion": API_VERSION, "kind": "Application", "metadata": {"name": name}, "spec": spec or {}}
        )
        view = self.process._house.view(subjects.APPLICATIONS, RESOURCES)  # type: ignore[union-attr]  # it is started
        await until(lambda: view.get(f"cluster.{name}") is not None)

    async def stored(self, name: str = "shop") -> Resource:
        """Return an Application as it is stored."""
        return (await Bucket(self.bus.js, subjects.APPLICATIONS, RESOURCES).need(f"cluster.{name}")).value

    async def secrets(self) -> dict[str, Resource]:
        """Return the stored Secrets by key."""
        bucket = Bucket(self.bus.js, subjects.SECRETS, RESOURCES)
        found = {key: await bucket.get(key) for key in await bucket.keys()}
        return {key: entry.value for key, entry in found.items() if entry is not None}  # one may go meanwhile

    async def assets(self) -> list[str]:
        """Return the names in the object store."""
        store = await self.bus.js.object_store(subjects.ASSETS)
        try:
            return sorted(entry.name for entry in await store.list() if not entry.deleted)
        except NotFoundError:
            return []

    async def announced(self) -> list[dict[str, Any]]:
        """Return the contract events so far: type and data."""
        info = await self.bus.js.stream_info(subjects.HUB)
        found: list[dict[str, Any]] = []
        for sequence in range(1, info.state.last_seq + 1):
            message = await self.bus.js.get_msg(subjects.HUB, sequence)
            found.append({"type": message.subject} | orjson.loads(message.data or b"{}"))
        return found


async def until(fact: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for a fact, with a limit."""
    async with asyncio.timeout(seconds):
        while not fact():
            await asyncio.sleep(0.005)


@pytest.fixture
async def registry(bus: Bus, running: Run, tmp_path: Path, nats_url: str) -> AsyncIterator[Registry]:
    """Return a running registry with the Application `shop`; specifications may come from loopback."""
    settings = make_settings(
        tmp_path,
        nats_url,
        registry={"spec_timeout_seconds": 2, "spec_limit_bytes": 4_000_000, "body_limit_bytes": 3_000_000},
    )
    process = await running(["registry"], [], settings)
    made = Registry(process, bus, Session(settings, bus.nc, bus.js))
    await made.answering()
    await made.application()
    yield made


class Host:
    """A small HTTP host on loopback: answers by path and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, bytes] = {}
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.asked.append(head)
        answer = self.answers.get(head.split(" ")[1].split("?")[0], b"HTTP/1.1 404 Not Found\r\n\r\n")
        writer.write(answer)
        if answer:
            writer.close()

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"


def answer(body: bytes, head: str = "") -> bytes:
    """Return an answer with status 200, or with another status line and headers."""
    return f"{head or 'HTTP/1.1 200 OK'}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """Return a running host."""
    made = Host()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
