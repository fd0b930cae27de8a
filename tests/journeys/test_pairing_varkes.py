"""The calls of a known mock solution, one by one: what it accepts, what it reads, what it would fall over.

It opens a connection for every call, signs its request with SHA-1, takes subjects apart at commas and equals signs,
and asks who it is before each event.
"""

import base64
import json
import ssl
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.up.client import RunningHub
from tests.journeys.test_pairing_by_hand import hub as hub  # noqa: PLC0414 - the fixture
from tests.journeys.test_pairing_by_hand import invite, pytestmark

__all__ = ["hub", "pytestmark"]
SHORT_NAMES = ["O", "OU", "L", "ST", "C", "CN"]
SERVICE: dict[str, Any] = {
    "provider": "mock",
    "name": "Orders",
    "description": "orders",
    "labels": {"connected-app": "mock"},
    "api": {
        "targetUrl": "http://localhost:10000/orders",
        "specificationUrl": "http://localhost:10000/orders/metadata",
        "spec": {"openapi": "3.0.0", "info": {"title": "Orders", "version": "1"}, "paths": {}},
    },
}
EVENTS: dict[str, Any] = {
    "provider": "mock",
    "name": "Order events",
    "description": "events",
    "events": {
        "spec": {
            "asyncapi": "1.0.0",
            "info": {"title": "Order events", "version": "1.0.0"},
            "topics": {"order.created.v1": {"subscribe": {"payload": {"type": "object"}}}},
        }
    },
}


class Mock:
    """The mock solution: each call on a connection of its own."""

    def __init__(self, ca: str, folder: Path) -> None:
        """Trust the hub; there is no certificate yet."""
        self.context = ssl.create_default_context(cafile=ca)
        self.folder = folder
        self.key = folder / "app.key"
        subprocess.run(["openssl", "genrsa", "-out", str(self.key), "2048"], check=True, capture_output=True)

    def call(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Call, then close the connection."""
        with httpx.Client(verify=self.context, headers={"connection": "close"}, timeout=30) as client:
            return client.request(method, url, **options)

    def request(self, subject: str) -> str:
        """Return a signing request as node-forge makes it: RSA, SHA-1, PEM with CRLF."""
        parts = [part.split("=") for part in subject.split(",")]
        assert [len(part) for part in parts] == [2] * len(SHORT_NAMES)
        assert [part[0] for part in parts] == SHORT_NAMES
        names = "".join(f"/{short}={value}" for short, value in parts)
        pem = subprocess.run(
            ["openssl", "req", "-new", "-sha1", "-key", str(self.key), "-subj", names], check=True, capture_output=True
        ).stdout
        return base64.b64encode(pem.replace(b"\n", b"\r\n")).decode()

    def use(self, crt: str) -> str:
        """Use a certificate as it came, chain included; returns its subject in the certificate's order."""
        path = self.folder / "app.crt"
        path.write_bytes(base64.b64decode(crt))
        self.context.load_cert_chain(path, self.key)
        command = ["openssl", "x509", "-in", str(path), "-noout", "-subject", "-nameopt", "sep_comma_plus,sname"]
        shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return shown.strip().removeprefix("subject=")


def management(mock: Mock, url: str) -> dict[str, Any]:
    """Ask who we are, as before each event; every field that is read later must be a text."""
    answer = mock.call("GET", url)
    assert answer.status_code == 200
    known: dict[str, Any] = answer.json()
    urls = known["urls"]
    needed = ("metadataUrl", "eventsUrl", "renewCertUrl", "revocationCertUrl")
    assert all(isinstance(urls[name], str) for name in needed)
    assert known["clientIdentity"] == {"application": "shop"}
    return known


@pytest.fixture
def mock(hub: RunningHub, tmp_path: Path) -> tuple[Mock, str]:
    """A mock solution and the URL it was given."""
    offered = invite(hub)
    folder = tmp_path / "mock"
    folder.mkdir()
    return Mock(offered["ca"], folder), offered["url"]


def connect(mock: Mock, token: str) -> dict[str, Any]:
    """The first three calls."""
    info = mock.call("GET", token)
    assert info.status_code == 200
    body = info.json()
    assert body.keys() == {"csrUrl", "api", "certificate"}
    assert body["api"].keys() == {"eventsInfoUrl", "eventsUrl", "metadataUrl", "infoUrl", "certificatesUrl"}
    assert body["certificate"].keys() == {"subject", "extensions", "key-algorithm"}
    signed = mock.call("POST", body["csrUrl"], json={"csr": mock.request(body["certificate"]["subject"])})
    assert signed.status_code == 201
    assert signed.json().keys() == {"crt", "clientCrt", "caCrt"}
    assert mock.use(signed.json()["crt"]) == body["certificate"]["subject"]
    known = management(mock, body["api"]["infoUrl"])
    assert known.keys() == {"clientIdentity", "urls", "certificate"}
    return known | {"infoUrl": body["api"]["infoUrl"]}


def test_the_mock_solution_connects_registers_posts_and_renews(mock: tuple[Mock, str]) -> None:
    """Each call is answered with the status and the members that it insists on."""
    solution, token = mock
    known = connect(solution, token)
    _register(solution, known["urls"]["metadataUrl"])
    _post(solution, known["infoUrl"])
    subject = known["certificate"]["subject"]
    renewed = solution.call("POST", known["urls"]["renewCertUrl"], json={"csr": solution.request(subject)})
    assert renewed.status_code == 201
    assert solution.use(renewed.json()["crt"]) == subject
    management(solution, known["infoUrl"])


def test_a_token_that_is_used_is_an_invalid_token(mock: tuple[Mock, str]) -> None:
    """403 is what it reports as one; anything else would be a failure of the hub."""
    solution, token = mock
    assert solution.call("GET", token).status_code == 200
    assert solution.call("GET", token).status_code == 403


def _register(solution: Mock, url: str) -> None:
    """List, create, list again and find by name, replace, read, delete."""
    assert solution.call("GET", url).json() == []
    for service in (SERVICE, EVENTS):
        created = solution.call("POST", url, json=service)
        assert created.status_code < 300 and isinstance(created.json()["id"], str)
    ids = {service["name"]: service["id"] for service in solution.call("GET", url).json()}
    assert set(ids) == {"Orders", "Order events"}
    replaced = solution.call("PUT", f"{url}/{ids['Orders']}", json=SERVICE | {"description": "changed"})
    assert replaced.status_code < 300 and replaced.json()["description"] == "changed"
    read = solution.call("GET", f"{url}/{ids['Orders']}").json()
    assert read["api"]["spec"]["openapi"] == "3.0.0"
    events = solution.call("GET", f"{url}/{ids['Order events']}").json()
    assert events["events"]["spec"]["asyncapi"] == "1.0.0"
    assert solution.call("GET", f"{url}/unknown").status_code == 404
    assert solution.call("DELETE", f"{url}/{ids['Order events']}").status_code == 204


def _post(solution: Mock, info_url: str) -> None:
    """A legacy event with tracing, a structured and a binary CloudEvent; who am I before each."""
    legacy = {
        "event-type": "order.created", "event-type-version": "v1", "event-time": "2030-01-01T00:00:00.000Z",
        "event-tracing": True, "data": {"orderCode": "1"},
    }  # fmt: skip
    structured = {
        "specversion": "1.0", "type": "order.created.v1", "source": "mock", "id": "structured-1",
        "eventtracing": True, "datacontenttype": "application/json", "data": {"orderCode": "2"},
    }  # fmt: skip
    binary = {
        "content-type": "application/json", "ce-specversion": "1.0", "ce-type": "order.created.v1",
        "ce-source": "mock", "ce-id": "binary-1",
    }  # fmt: skip
    forms: list[tuple[bool, dict[str, str], Any]] = [
        (True, {"content-type": "application/json", "x-b3-sampled": "1"}, legacy),
        (False, {"content-type": "application/cloudevents+json"}, structured),
        (False, binary, {"orderCode": "3"}),
    ]
    for is_legacy, headers, body in forms:
        url = management(solution, info_url)["urls"]["eventsUrl"]
        assert "/v1/events" in url
        url = url if is_legacy else url.replace("/v1/events", "/events")
        answer = solution.call("POST", url, headers=headers, content=json.dumps(body))
        assert answer.status_code < 300, answer.text
