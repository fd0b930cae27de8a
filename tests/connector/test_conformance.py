"""What upstream's own tests assert of its connector and its validators, asked of the running edge."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.application.acceptance import accepted_subjects
from hub.connector.answers import signing_information
from hub.connector.model import Client, Subject
from hub.connector.settings import SubjectSettings
from hub.connector.subject import render, subject_of
from hub.connector.tokens import new_token

from .conftest import Edge, Make, OpenEdge

FOLDER = Path(__file__).with_name("vectors")
CONNECTOR: dict[str, Any] = json.loads((FOLDER / "connector.json").read_text())
VALIDATOR: dict[str, Any] = json.loads((FOLDER / "validator.json").read_text())
Keys = Callable[[str], Path]
LEGACY = {"event-type": "order.created", "event-type-version": "v1", "event-time": "2030-01-01T00:00:00Z", "data": 1}
CLOUD = {"specversion": "1.0", "type": "order.created.v1", "source": "x", "id": "1", "data": 1}


def name(vector: dict[str, Any]) -> str:
    return str(vector.get("case") or vector.get("path"))


@pytest.mark.parametrize("vector", CONNECTOR["subjects"], ids=lambda vector: vector["text"])
def test_a_subject_is_written_as_upstream_writes_it(vector: dict[str, Any]) -> None:
    """The order of the parts, and no spaces."""
    assert vector["text"] == render(Subject(*vector["parts"]))


def test_signing_information_is_upstreams() -> None:
    """Every member, and no other."""
    vector = CONNECTOR["signing_information"]
    client = Client(vector["application"])
    subject = subject_of(client, SubjectSettings())
    assert vector["expected"] == signing_information(vector["base"], client, subject, vector["token"])


class Tokens:
    """Fresh tokens for each vector."""

    def __init__(self, edge: Edge, client: httpx.AsyncClient) -> None:
        """Take the running edge and somebody to call it."""
        self._edge = edge
        self._client = client

    async def make(self, kind: str | None) -> str | None:
        """Return a token: the first of a pairing, the second, an unknown one, an empty one or none."""
        if kind in {None, ""}:
            return kind
        if kind == "unknown":
            return new_token()
        url = await self._edge.offer("shop")
        if kind == "second":
            url = (await self._client.get(url)).json()["csrUrl"]
        return url.split("token=")[1]


async def test_calls_by_token_are_answered_as_upstream_answers(edge: Edge, make_csr: Make) -> None:
    """Status, text, and whether the token can be used again afterwards."""
    found, expected = {}, {}
    async with edge.client() as client:
        tokens = Tokens(edge, client)
        for vector in CONNECTOR["by_token"]:
            token = await tokens.make(vector["token"])
            answers = [await _call(edge, client, vector, token, make_csr) for _ in range(2)]
            found[name(vector)] = _facts(vector, answers)
            expected[name(vector)] = (vector["status"], vector.get("error"), bool(vector.get("used_up")))
    assert expected == found


async def _call(
    edge: Edge, client: httpx.AsyncClient, vector: dict[str, Any], token: str | None, make_csr: Make
) -> httpx.Response:
    url = f"{edge.url}/v1/applications/{vector['path']}"
    query = {} if token is None else {"token": token}
    if "body" not in vector:
        return await client.get(url, params=query)
    body = vector["body"]
    if isinstance(body, dict):
        body = json.dumps({member: _csr(value, make_csr) for member, value in body.items()})
    return await client.post(url, params=query, content=body)


def _csr(value: str, make_csr: Make) -> str:
    if not value.startswith("<csr"):
        return value
    subject = value.removeprefix("<csr").removesuffix(">").strip()
    return make_csr("ec:P-256", subject) if subject else make_csr("ec:P-256")


def _facts(vector: dict[str, Any], answers: list[httpx.Response]) -> tuple[int, str | None, bool]:
    first, second = answers
    error = first.json().get("error") if "error" in vector else None
    return first.status_code, error, first.status_code != second.status_code and second.status_code == 403


@pytest.mark.parametrize("vector", CONNECTOR["by_certificate"], ids=name)
async def test_calls_by_certificate_are_answered_as_upstream_answers(
    vector: dict[str, Any], edge: Edge, make_csr: Make, key_file: Keys
) -> None:
    """Revoking twice is the same as once; a revoked certificate renews nothing."""
    async with await edge.pair("shop", make_csr(), key_file("rsa:2048")) as client:
        url = f"{edge.url}/v1/applications/certificates"
        answers = [await client.post(f"{url}/{call}", json={"csr": make_csr()}) for call in vector["calls"]]
    assert vector["statuses"] == [answer.status_code for answer in answers]


async def test_operators_revoke_by_hash(edge: Edge) -> None:
    """What upstream offers inside the cluster is asked on the bus."""
    found = {}
    for number, vector in enumerate(CONNECTOR["by_operator"]):
        requests = [_with_hash(request, number) for request in vector["requests"]]
        found[name(vector)] = [(await edge.ask("revocations", "create", request))[0] for request in requests]
    assert {name(vector): vector["statuses"] for vector in CONNECTOR["by_operator"]} == found


def _with_hash(request: Any, number: int) -> Any:
    return {**request, "fingerprint": f"{number:064x}"} if "fingerprint" in request else request


@pytest.fixture
async def validating(open_edge: OpenEdge) -> Edge:
    """An edge behind a proxy on this machine, taking events, with the Applications of the vectors."""
    edge = await open_edge(("connector", "ingress"), edge={"trusted_proxies": ["127.0.0.0/8"]})
    for application, spec in VALIDATOR["applications"].items():
        await edge.register(application, spec)
    async with asyncio.timeout(10), edge.client() as client:
        for application in VALIDATOR["applications"]:
            while (await client.post(f"{edge.url}/{application}/v1/events")).status_code == 404:
                await asyncio.sleep(0.01)  # this process has not heard of it yet
    return edge


def header_of(vector: dict[str, Any]) -> dict[str, str]:
    """Return the header of a vector, in the form that the proxy of a service mesh sends."""
    if "header" in vector:
        return {"x-forwarded-client-cert": vector["header"]} if vector["header"] else {}
    own = f'Hash={VALIDATOR["hash"]};Subject="{vector["subject"]}";URI='
    mesh = f'By=spiffe://cluster.local/ns/x/sa/default;Hash={"6d" * 32};Subject="";URI=spiffe://cluster.local/ns/y/sa/z'
    return {"x-forwarded-client-cert": f"{own},{mesh}"}


async def test_subjects_speak_for_applications_as_in_upstream(validating: Edge) -> None:
    """Client ids, tenant and group, names: who may post in whose name."""
    found = {}
    async with validating.client() as client:
        for vector in VALIDATOR["subjects"]:
            url = f"{validating.url}/{vector['application']}/v1/events"
            found[name(vector)] = (await client.post(url, json=LEGACY, headers=header_of(vector))).status_code
    assert {name(vector): vector["status"] for vector in VALIDATOR["subjects"]} == found


async def test_paths_lead_where_upstream_leads_them(validating: Edge) -> None:
    """The three event paths of an Application are served, and nothing beside them."""
    header, found = header_of({"subject": "CN=plain"}), {}
    async with validating.client() as client:
        for vector in VALIDATOR["paths"]:
            legacy = vector["path"].endswith("/v1/events")
            media_type = "application/json" if legacy else "application/cloudevents+json"
            body = json.dumps(LEGACY if legacy else CLOUD)
            headers = header | {"content-type": media_type}
            answer = await client.post(validating.url + vector["path"], content=body, headers=headers)
            found[name(vector)] = answer.status_code
    assert {name(vector): vector["status"] for vector in VALIDATOR["paths"]} == found


async def test_an_application_without_compass_metadata_is_served_under_its_name(validating: Edge) -> None:
    """Its paths need no configuration, and it has no client ids."""
    options = VALIDATOR["options"]
    async with validating.client() as client:
        answers = [await client.post(validating.url + path) for path in options["served"]]
    assert [answer.status_code for answer in answers] == [401] * len(answers)
    names, attributes = accepted_subjects("my-app", {})
    assert (names - {"my-app"}, attributes) == (set(options["client_ids_without_compass_metadata"]), ())
