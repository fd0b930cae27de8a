"""The OpenAPI document of the edge is what the edge does: nothing undescribed, nothing described in vain."""

import asyncio
import base64
import contextlib
import json
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from contracts.products import OPENAPI, ROOT
from hub.commands.contracts import rendered_openapi
from hub.commands.session import Session
from hub.house import Running, descriptions, edge_rooms
from hub.kernel.broker import Bus
from hub.kernel.errors import UpstreamUnavailable
from hub.openapi import undescribed, unserved
from hub.settings import HubSettings

API_VERSION = "applicationconnector.kyma-project.io/v1alpha1"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SERVICE = {"provider": "p", "name": "n", "description": "d", "api": {"targetUrl": "http://shop.test"}}
LAST = "/v1/applications/certificates/revocations"
"""Ends what the other operations need."""


def test_the_committed_document_is_what_the_routes_say() -> None:
    """A changed route without `hub contracts write` does not pass."""
    assert (ROOT / OPENAPI).read_bytes() == rendered_openapi()


async def test_people_find_the_document_where_they_look(running: Callable[..., Awaitable[Running]]) -> None:
    """The public listener serves the committed document, with the address of the edge in it."""
    process = await running(["catalog"], ["public"])
    async with httpx.AsyncClient() as http:
        served = (await http.get(f"{process.addresses()['public']}/openapi.json")).json()

    assert served == json.loads((ROOT / OPENAPI).read_bytes()) | {"servers": [{"url": process.settings.edge.base_url}]}


def test_the_made_up_requests_are_the_same_each_time() -> None:
    """What fails once fails again: nothing is drawn by chance, whatever other tests drew before."""
    document = narrowed(json.loads((ROOT / OPENAPI).read_bytes()), "1")
    operation = next(each for each in operations_of(document) if each.path.endswith("/services"))
    first, second = drawn(operation), drawn(operation)

    assert len(first) > 1 and first == second


def drawn(operation: Any) -> list[tuple[Any, ...]]:
    """Return the requests that an operation would get."""
    found: list[tuple[Any, ...]] = []
    made_up(operation, lambda case: found.append((repr(case.path_parameters), repr(case.query), repr(case.body))))
    return found


async def test_every_path_of_the_edge_is_described(settings: HubSettings) -> None:
    """A new path needs a description; what is described is served, but for surfaces a build may lack."""
    rooms = await edge_rooms(settings)
    routes = [route for room in rooms for route in room.routes["edge"]]
    said = descriptions(room.name for room in rooms)

    assert undescribed(said, routes) == []
    assert [each for each in unserved(said, routes) if "/v1/runtimes/" not in each] == []


@dataclass
class Edge:
    """A running edge, with a client certificate of the Application `shop`."""

    url: str
    ca: Path
    certificate: Path
    key: Path

    def session(self) -> requests.Session:
        """Return a client that presents the certificate."""
        session = requests.Session()
        session.trust_env = False
        session.verify, session.cert = str(self.ca), (str(self.certificate), str(self.key))
        return session


@pytest.fixture
async def edge(bus: Bus, settings: HubSettings, nats_url: str, tmp_path: Path) -> AsyncIterator[Edge]:
    """Start the edge as a process and pair with it."""
    env = os.environ | {
        "HUB_DATA_DIR": str(settings.data_dir),
        "HUB_NATS__URL": nats_url,
        "HUB_METRICS__BASE_PORT": "0",
        "HUB_EDGE__PORT": "0",
        "HUB_LOGS__FORMAT": "json",
        "HUB_REGISTRY__SPEC_LOOPBACK": "false",
        "HUB_REGISTRY__SPEC_TIMEOUT_SECONDS": "0.2",
    }
    words = ["-m", "hub", "run", "registry", "connector", "ingress", "--listen", "edge"]
    with (tmp_path / "edge.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(sys.executable, *words, env=env, stdout=log, stderr=log)
        try:
            url = await listening(tmp_path / "edge.log")
            session = Session(settings, bus.nc, bus.js)
            yield await paired(session, url, settings.data_dir / "ca.crt", tmp_path)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def listening(log: Path) -> str:
    """Wait until the process says where it listens."""
    async with asyncio.timeout(30):
        while True:
            for line in log.read_text().splitlines():
                if '"process.ready"' in line:
                    return str(json.loads(line)["listeners"]["edge"])
            await asyncio.sleep(0.02)


async def paired(session: Session, url: str, ca: Path, folder: Path) -> Edge:
    """Register `shop` and get its certificate, as a solution does."""
    document = {"apiVersion": API_VERSION, "kind": "Application", "metadata": {"name": "shop"}, "spec": {}}
    await session.ask("applications", "apply", {"document": document})
    async with asyncio.timeout(10):
        while True:
            try:
                offered = await session.ask("tokens", "create", {"application": "shop"})
                break
            except UpstreamUnavailable:
                await asyncio.sleep(0.02)
    key, csr, certificate = folder / "shop.key", folder / "shop.csr", folder / "shop.crt"
    subject = "/O=Organization/OU=OrgUnit/L=Waldorf/ST=Waldorf/C=DE/CN=shop"
    made = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", csr, "-subj", subject]
    subprocess.run(made, check=True, capture_output=True)
    async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=ca)) as http:
        token = offered["url"].rpartition("?")[2]
        info = (await http.get(f"{url}/v1/applications/signingRequests/info?{token}")).json()
        request, second = {"csr": base64.b64encode(csr.read_bytes()).decode()}, info["csrUrl"].rpartition("?")[2]
        answer = await http.post(f"{url}/v1/applications/certificates?{second}", json=request)
    certificate.write_bytes(base64.b64decode(answer.json()["crt"]))
    return Edge(url, ca, certificate, key)


async def test_what_the_edge_answers_is_described(edge: Edge) -> None:
    """Made-up requests to every operation: no failure of the server, no status, media type or shape but the known."""
    await asyncio.to_thread(try_everything, edge)


def try_everything(edge: Edge) -> None:
    """Fetch the document from the edge and send made-up requests to each of its operations."""
    with edge.session() as http:
        document = http.get(f"{edge.url}/openapi.json", timeout=10).json()
        service = http.post(f"{edge.url}/shop/v1/metadata/services", json=SERVICE, timeout=10).json()["id"]
        committed = json.loads((ROOT / OPENAPI).read_bytes())
        assert committed | {"servers": document["servers"]} == document, "served and committed"
        operations = operations_of(narrowed(document, service))
        assert len(operations) >= 15
        for operation in sorted(operations, key=lambda each: (each.path == LAST, each.method == "delete")):
            try_one(operation, edge, http)


def operations_of(document: dict[str, Any]) -> list[Any]:
    """Return what can be asked, in the order of the document."""
    return [found.ok() for found in schemathesis.openapi.from_dict(document).get_all_operations()]


def narrowed(document: dict[str, Any], service: str) -> dict[str, Any]:
    """Return the document with names of things that exist, and of one each that does not: made-up ones never do."""
    for parameter in parameters_of(document):
        if parameter["name"] in ("application", "service"):
            known = {"application": "shop", "service": service}[parameter["name"]]
            parameter["schema"] = {"enum": [known, "gone"]}
    document["components"]["schemas"]["MetadataApi"]["properties"]["targetUrl"] = {"enum": ["http://shop.test", "-"]}
    return document


def parameters_of(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Iterate over the parameters of all operations."""
    for members in document["paths"].values():
        for operation in members.values():
            yield from operation["parameters"]


def try_one(operation: Any, edge: Edge, http: requests.Session) -> None:
    """Send made-up requests to one operation."""

    def check(case: Any) -> None:
        response = case.call(base_url=edge.url, session=http, verify=str(edge.ca), timeout=10, allow_redirects=False)
        case.validate_response(response, checks=CHECKS)

    made_up(operation, check)


def made_up(operation: Any, check: Callable[[Any], None]) -> None:
    """Give made-up requests of an operation to a check: the same ones in every run."""

    @settings(
        max_examples=15,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def each(case: Any) -> None:
        check(case)

    each()
