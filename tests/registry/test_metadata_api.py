"""The metadata API as a connected solution sees it: upstream's statuses, bodies and texts."""

import base64
import json
from typing import Any

import httpx
import pytest

from tests.registry.conftest import DETAILS, Registry, certificate

SERVICES = "/shop/v1/metadata/services"
MEDIA_TYPE = "application/json;charset=UTF-8"
OPENAPI = {"openapi": "3.0.0", "info": {"title": "Orders", "version": "1"}, "paths": {}}
ASYNCAPI = {"asyncapi": "2.0.0", "info": {"title": "Shop", "version": "1"}, "channels": {}}
API = {"targetUrl": "http://shop.test/rest", "spec": OPENAPI}
FULL = DETAILS | {
    "shortDescription": "short",
    "identifier": "orders",
    "labels": {"tier": "gold", "connected-app": "other"},
    "api": API | {"apiType": "rest", "requestParameters": {"headers": {"X-Key": ["1"]}}},
    "events": {"spec": ASYNCAPI},
    "documentation": {
        "displayName": "Docs",
        "description": "About",
        "type": "md",
        "docs": [{"title": "t", "type": "md", "source": "# Orders"}],
    },
}
CREDENTIALS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "basic": (
        {"basic": {"username": "u53r", "password": "p455"}},
        {"basic": {"username": "********", "password": "********"}},
    ),
    "oauth": (
        {
            "oauth": {
                "url": "http://shop.test/token",
                "clientId": "1d",
                "clientSecret": "53cret",
                "requestParameters": {"headers": {"X-Tenant": ["t"]}},
                "csrfInfo": {"tokenEndpointURL": "http://shop.test/csrf"},
            }
        },
        {
            "oauth": {
                "url": "http://shop.test/token",
                "clientId": "********",
                "clientSecret": "********",
                "requestParameters": {"headers": {"X-Tenant": ["t"]}},
                "csrfInfo": {"tokenEndpointURL": "http://shop.test/csrf"},
            }
        },
    ),
    "none": ({}, {}),
}


async def register(http: httpx.AsyncClient, details: dict[str, Any]) -> str:
    """Register a Service and return its id."""
    answer = await http.post(SERVICES, json=details)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def test_a_service_is_registered_read_changed_and_removed(registry: Registry) -> None:
    """The whole life of a Service, with the statuses and bodies clients were written against."""
    async with registry.client() as http:
        created = await http.post(SERVICES, json=FULL, headers={"content-type": "text/plain"})
        path = f"{SERVICES}/{created.json()['id']}"
        read = await http.get(path)
        changed = await http.put(path, json=FULL | {"description": "New", "identifier": "other"})
        removed = await http.delete(path)
        gone = await http.get(path)
        again = await http.delete(path)

    assert (created.status_code, list(created.json())) == (200, ["id"])
    assert created.headers["content-type"] == MEDIA_TYPE
    assert created.text.endswith("}\n")
    labels = {"labels": {"tier": "gold", "connected-app": "shop"}}
    assert (read.status_code, read.json()) == (200, FULL | labels)
    assert (changed.status_code, changed.json()) == (200, FULL | labels | {"description": "New"})
    assert (removed.status_code, removed.content) == (204, b"")
    identifier = created.json()["id"]
    text = f"Reading service with ID {identifier} failed, Service with ID {identifier} not found"
    assert (gone.status_code, gone.json()) == (404, {"code": 404, "error": text})
    assert again.status_code == 204


async def test_services_are_listed_without_their_apis(registry: Registry) -> None:
    """The list has upstream's members; without Services it is empty, never null."""
    async with registry.client() as http:
        empty = await http.get(SERVICES)
        identifier = await register(http, FULL)
        filled = await http.get(SERVICES)

    assert (empty.status_code, empty.text) == (200, "[]\n")
    assert filled.json() == [
        {
            "id": identifier,
            "provider": "Shop team",
            "name": "Order API",
            "description": "Orders",
            "identifier": "orders",
            "labels": {"tier": "gold", "connected-app": "shop"},
        }
    ]


@pytest.mark.parametrize(("given", "shown"), CREDENTIALS.values(), ids=CREDENTIALS.keys())
async def test_credentials_are_masked_when_read_and_sealed_when_stored(
    registry: Registry, given: dict[str, Any], shown: dict[str, Any]
) -> None:
    """What is no secret is read back clear, the rest as eight stars; the stored values can be read by nobody."""
    async with registry.client() as http:
        identifier = await register(http, DETAILS | {"api": API | {"credentials": given}})
        read = await http.get(f"{SERVICES}/{identifier}")

    assert read.json()["api"].get("credentials", {}) == shown
    secrets = await registry.secrets()
    assert list(secrets) == ([f"kyma-system.shop-{identifier}"] if given else [])
    stored = json.dumps([secret.to_document() for secret in secrets.values()])
    application = json.dumps((await registry.stored()).to_document())
    assert not any(word in stored + application for word in ("u53r", "p455", "1d", "53cret") if len(word) > 2)


async def test_a_generated_certificate_is_read_back_and_stays(registry: Registry) -> None:
    """The certificate that the solution must trust is made once and kept while its common name stays."""
    details = DETAILS | {"api": API | {"credentials": {"certificateGen": {"commonName": "hub"}}}}
    async with registry.client() as http:
        path = f"{SERVICES}/{await register(http, details)}"
        first = (await http.get(path)).json()["api"]["credentials"]["certificateGen"]
        await http.put(path, json=details)
        second = (await http.get(path)).json()["api"]["credentials"]["certificateGen"]

    assert first == second
    assert first["commonName"] == "hub"
    assert base64.b64decode(first["certificate"]).startswith(b"-----BEGIN CERTIFICATE-----")


async def test_an_api_only_service_has_no_events_and_the_other_way_round(registry: Registry) -> None:
    """What was not registered is absent, not empty."""
    async with registry.client() as http:
        api = (await http.get(f"{SERVICES}/{await register(http, DETAILS | {'api': API})}")).json()
        events = (await http.get(f"{SERVICES}/{await register(http, DETAILS | {'events': {'spec': ASYNCAPI}})}")).json()

    assert "events" not in api
    assert "api" not in events
    assert events["events"] == {"spec": ASYNCAPI}


async def test_an_identifier_is_taken_once_and_never_changes(registry: Registry) -> None:
    """A second Service with the identifier is refused; PUT keeps the first identifier, and none stays none."""
    details = DETAILS | {"api": API}
    async with registry.client() as http:
        first = await register(http, details | {"identifier": "orders"})
        second = await http.post(SERVICES, json=details | {"identifier": "orders"})
        kept = await http.put(f"{SERVICES}/{first}", json=details)

    assert (second.status_code, second.json()["error"]) == (409, "Service with Identifier orders already exists")
    assert kept.json()["identifier"] == "orders"


async def test_put_without_specifications_keeps_the_stored_ones(registry: Registry) -> None:
    """A change of the target alone leaves the specification; credentials and parameters left out are removed."""
    parameters = {"requestParameters": {"queryParameters": {"a": ["1"]}}}
    async with registry.client() as http:
        details = DETAILS | {"api": API | parameters | {"credentials": CREDENTIALS["basic"][0]}}
        identifier = await register(http, details)
        before = len(await registry.secrets())
        changed = await http.put(f"{SERVICES}/{identifier}", json=DETAILS | {"api": {"targetUrl": "http://new.test"}})

    assert changed.json()["api"] == {"targetUrl": "http://new.test", "spec": OPENAPI}
    assert (before, await registry.secrets()) == (2, {})


async def test_put_with_any_specification_replaces_the_whole_set(registry: Registry) -> None:
    """A new event catalog alone takes the place of everything stored before, and an API left out is removed."""
    async with registry.client() as http:
        identifier = await register(http, FULL)
        changed = await http.put(f"{SERVICES}/{identifier}", json=DETAILS | {"events": {"spec": ASYNCAPI}})

    assert set(changed.json()) == {"provider", "name", "description", "identifier", "labels", "events"}
    assert await registry.assets() == [f"specs/shop/{identifier}/asyncapi"]


@pytest.mark.parametrize("body", [b"{", json.dumps(DETAILS).encode(), b'{"name": 1}'], ids=["json", "neither", "type"])
async def test_a_refused_registration_stores_nothing(registry: Registry, body: bytes) -> None:
    """A refusal has upstream's error body, and nothing was written."""
    async with registry.client() as http:
        answer = await http.post(SERVICES, content=body)

    assert (answer.status_code, answer.json()["code"], set(answer.json())) == (400, 400, {"code", "error"})
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert ((await registry.stored()).spec, await registry.secrets(), await registry.assets()) == ({}, {}, [])


async def test_an_unknown_service_is_404_on_put(registry: Registry) -> None:
    """PUT does not create."""
    async with registry.client() as http:
        answer = await http.put(f"{SERVICES}/77", json=DETAILS | {"api": API})

    assert (answer.status_code, answer.json()["code"]) == (404, 404)


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/shop/v1/metadata/other", 404, "Requested resource could not be found."),
        ("GET", "/shop/v1/metadata/services/", 404, "Requested resource could not be found."),
        ("GET", "/shop/v1/metadata/services/1/2", 404, "Requested resource could not be found."),
        ("PATCH", "/shop/v1/metadata/services", 405, "Method not allowed."),
        ("POST", "/shop/v1/metadata/services/1", 405, "Method not allowed."),
        ("POST", "/shop/v1/metadata/api.yaml", 405, "Method not allowed."),
    ],
)
async def test_other_paths_and_methods_are_refused_as_json(
    registry: Registry, method: str, path: str, status: int, error: str
) -> None:
    """An unknown path is 404, a wrong method 405 with `Allow`, both in upstream's body."""
    async with registry.client() as http:
        answer = await http.request(method, path)

    assert (answer.status_code, answer.json()) == (status, {"code": status, "error": error})
    assert ("allow" in answer.headers) == (status == 405)


async def test_the_root_points_to_the_description(registry: Registry) -> None:
    """Any method on the root is redirected to the OpenAPI document, which is served."""
    async with registry.client() as http:
        answers = [await http.request(method, "/shop/v1/metadata") for method in ("GET", "POST", "DELETE")]
        description = await http.get("/shop/v1/metadata/api.yaml")

    assert {(each.status_code, each.headers["location"]) for each in answers} == {(301, "/shop/v1/metadata/api.yaml")}
    assert description.text.startswith("openapi: 3.0.0")


@pytest.mark.parametrize(
    ("certificate_of", "path", "status"),
    [
        (None, SERVICES, 401),
        ("mill", SERVICES, 403),
        ("shop", "/unknown/v1/metadata/services", 404),
        ("unknown", "/unknown/v1/metadata/services", 404),
    ],
    ids=["no certificate", "another application's", "unknown application", "unknown application's own"],
)
async def test_only_the_applications_own_certificate_is_admitted(
    registry: Registry, certificate_of: str | None, path: str, status: int
) -> None:
    """Reading and writing need a certificate that speaks for the Application of the path."""
    await registry.application("mill")
    async with registry.client(certificate(certificate_of) if certificate_of else None) as http:
        answers = [
            await http.get(path),
            await http.post(path, json=FULL),
            await http.put(f"{path}/1", json=FULL),
            await http.delete(f"{path}/1"),
        ]

    assert [each.status_code for each in answers] == [status] * 4
    assert all(each.json()["code"] == status for each in answers)


async def test_a_specification_above_one_megabyte_is_stored(registry: Registry) -> None:
    """Real API descriptions are large; they are registered and read back whole."""
    large = OPENAPI | {"x-filler": "é" * 1_200_000}
    async with registry.client() as http:
        identifier = await register(http, DETAILS | {"api": {"targetUrl": "http://shop.test", "spec": large}})
        read = await http.get(f"{SERVICES}/{identifier}")

    assert read.json()["api"]["spec"] == large


async def test_a_body_above_the_limit_is_413(registry: Registry) -> None:
    """A body larger than the limit is refused in upstream's shape."""
    async with registry.client() as http:
        answer = await http.post(SERVICES, content=b" " * 3_000_001)

    assert (answer.status_code, answer.json()["code"]) == (413, 413)


async def test_each_change_is_announced(registry: Registry) -> None:
    """Registering, changing and removing a Service is told to the other workers, with the revision it is seen at."""
    async with registry.client() as http:
        identifier = await register(http, DETAILS | {"api": API})
        await http.put(f"{SERVICES}/{identifier}", json=DETAILS | {"api": API})
        await http.delete(f"{SERVICES}/{identifier}")

    told = (await registry.announced())[1:]
    assert [each["type"] for each in told] == ["hub.application.v1.changed"] * 3
    assert [(each["application"], each["services"]) for each in told] == [("shop", 1), ("shop", 1), ("shop", 0)]
    assert all(each["changed_services"] == [identifier] for each in told)
    assert told[-1]["revision"] == (await registry.stored()).revision
