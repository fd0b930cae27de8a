"""The connector killed between any two steps: nothing half written, no token used twice, none lost unused."""

import asyncio
import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509

from contracts import subjects
from hub.kernel.broker import Bus
from hub.kernel.resource import RESOURCES, Resource
from hub.kernel.state import Bucket

API_VERSION = "applicationconnector.kyma-project.io/v1alpha1"
SUBJECT = "/O=Organization/OU=OrgUnit/L=Waldorf/ST=Waldorf/C=DE/CN=shop"
TOKENS = 24


@dataclass
class Worker:
    """A real worker process with the edge, started again after each kill."""

    bus: Bus
    url: str
    environment: dict[str, str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it; returns when it answers requests."""
        command = [sys.executable, "-P", "-m", "hub", "run", "connector", "--listen", "edge"]
        log = (self.folder / "worker.log").open("ab")
        self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, cwd=self.folder)
        limit = time.monotonic() + 30
        while True:
            try:
                async with self.client() as client:
                    await client.get(self.url)
            except (OSError, httpx.TransportError):
                assert time.monotonic() < limit, (self.folder / "worker.log").read_text()
                await asyncio.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    async def ask(self, plural: str, verb: str, request: dict[str, Any]) -> dict[str, Any]:
        """Ask as the command line does."""
        reply = await self.bus.nc.request(subjects.ask(plural, verb), json.dumps(request).encode(), timeout=5)
        assert (reply.headers or {})["Hub-Status"] == "200", reply.data
        answered: dict[str, Any] = json.loads(reply.data)
        return answered

    def client(self, certificate: Path | None = None, key: Path | None = None) -> httpx.AsyncClient:
        """Return a client that trusts the hub."""
        context = ssl.create_default_context(cafile=self.folder / "ca.crt")
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        return httpx.AsyncClient(verify=context, timeout=10)


@pytest.fixture
async def worker(bus: Bus, nats_url: str, tmp_path: Path) -> Any:
    """A worker process on the test's event store, and the Application `shop`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ, "HUB_NATS__URL": nats_url, "HUB_DATA_DIR": str(tmp_path), "HUB_EDGE__PORT": str(port),
    }  # fmt: skip
    document = {"apiVersion": API_VERSION, "kind": "Application", "metadata": {"name": "shop"}, "spec": {}}
    resource = Resource.from_document(document, scoped=False)
    await Bucket(bus.js, subjects.APPLICATIONS, RESOURCES).put(resource.key, resource)
    worker = Worker(bus, f"https://localhost:{port}", environment, tmp_path)
    await worker.start()
    yield worker
    if worker.process is not None and worker.process.poll() is None:
        worker.kill()


@dataclass
class Posted:
    """What became of the signing requests, by their URL."""

    signed: dict[str, bytes] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def request_of_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A signing request and its key."""
    key = tmp_path_factory.mktemp("solution") / "key.pem"
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key)],
        check=True, capture_output=True,
    )  # fmt: skip
    command = ["openssl", "req", "-new", "-key", str(key), "-subj", SUBJECT]
    csr = subprocess.run(command, check=True, capture_output=True).stdout
    yield base64.b64encode(csr).decode(), key


async def sign(worker: Worker, url: str, csr: str, posted: Posted) -> int:
    """Ask for a certificate and note what came of it; returns the status, 0 for none."""
    try:
        async with worker.client() as client:
            answer = await client.post(url, json={"csr": csr})
    except httpx.TransportError:
        posted.unanswered.add(url)
        return 0
    if answer.status_code == 201:
        posted.signed[url] = base64.b64decode(answer.json()["crt"])
    return answer.status_code


async def second_urls(worker: Worker, number: int) -> list[str]:
    """Return as many URLs for a signing request."""
    urls = []
    async with worker.client() as client:
        for _ in range(number):
            offered = await worker.ask("tokens", "create", {"application": "shop"})
            urls.append(str((await client.get(offered["url"])).json()["csrUrl"]))
    return urls


async def test_a_kill_among_signatures_uses_no_token_twice_and_loses_none(
    worker: Worker, request_of_shop: tuple[str, Path], tmp_path: Path
) -> None:
    """Who has a certificate has used its token up; who was never heard still pairs; certificates stay good."""
    csr, key = request_of_shop
    urls = await second_urls(worker, TOKENS)
    sent, never = urls[: TOKENS - 4], urls[TOKENS - 4 :]
    posted = Posted()
    posting = [asyncio.create_task(sign(worker, url, csr, posted)) for url in sent]
    await asyncio.wait(posting, return_when=asyncio.FIRST_COMPLETED)
    worker.kill()
    await asyncio.gather(*posting)
    await worker.start()

    assert posted.signed, "at least one was answered before the kill"
    again = Posted()
    repeated = [await sign(worker, url, csr, again) for url in posted.signed]
    assert repeated == [403] * len(posted.signed)
    assert [await sign(worker, url, csr, again) for url in never] == [201] * len(never)
    assert {await sign(worker, url, csr, again) for url in posted.unanswered} <= {201, 403}
    for number, certificate in enumerate(posted.signed.values()):
        path = tmp_path / f"{number}.pem"
        path.write_bytes(certificate)
        async with worker.client(path, key) as client:
            assert (await client.get(f"{worker.url}/v1/applications/management/info")).status_code == 200


async def test_a_kill_while_the_authority_is_exchanged_leaves_the_old_or_both(
    worker: Worker, request_of_shop: tuple[str, Path], tmp_path: Path
) -> None:
    """Whenever it dies: what is kept can be read, ca.crt says the same, and the old certificate connects."""
    csr, key = request_of_shop
    posted = Posted()
    (url,) = await second_urls(worker, 1)
    assert await sign(worker, url, csr, posted) == 201
    held = tmp_path / "held.pem"
    held.write_bytes(posted.signed[url])
    for milliseconds in (0, 2, 5, 10, 20):
        asking = asyncio.create_task(worker.ask("authorities", "rotate", {}))
        await asyncio.wait([asking], timeout=milliseconds / 1000)
        worker.kill()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await worker.start()
        kept = (await worker.ask("authorities", "list", {}))["authorities"]
        written = x509.load_pem_x509_certificates((tmp_path / "ca.crt").read_bytes())
        assert len(kept) == len(written)
        async with worker.client(held, key) as client:
            assert (await client.get(f"{worker.url}/v1/applications/management/info")).status_code == 200
    assert (await worker.ask("authorities", "finish", {"force": True}))["authorities"][0]["state"] in {
        "issuing", "coming",
    }  # fmt: skip
