"""Upstream's own test cases as data: validation, names, normalisation, the life of a Service, specifications."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.registry import condition, naming
from tests.registry.conftest import Host, Registry, answer

VECTORS = Path(__file__).parent / "vectors"


def cases(file: str) -> list[dict[str, Any]]:
    """Return the cases of a file."""
    found: list[dict[str, Any]] = json.loads((VECTORS / file).read_text())["cases"]
    return found


def named(file: str) -> Any:
    """Parametrize a test over the cases of a file."""
    return pytest.mark.parametrize("case", cases(file), ids=lambda case: next(iter(case.values())))


@named("t1_validation.json")
async def test_registrations_are_judged_as_upstream_judges_them(registry: Registry, case: dict[str, Any]) -> None:
    """The same bodies are accepted and refused, with the same texts, and a refused one leaves nothing."""
    async with registry.client() as http:
        answered = await http.post("/shop/v1/metadata/services", json=case["body"])

    assert case["status"] == answered.status_code, answered.text
    if case["status"] != 200:
        assert answered.json() == {"code": 400, "error": case.get("error", answered.json()["error"])}
        assert ((await registry.stored()).spec, await registry.secrets(), await registry.assets()) == ({}, {}, [])


@named("t2_names.json")
def test_secrets_are_named_as_upstream_names_them(case: dict[str, Any]) -> None:
    """The name can be worked out by whoever knows Application and Service."""
    assert case["resource"] == naming.resource_name(case["application"], case["id"])


@named("t3_normalisation.json")
def test_names_are_normalised_as_upstream_normalises_them(case: dict[str, Any]) -> None:
    """Names of Services are the same as upstream's, or addresses would differ."""
    assert case["normalised"] == naming.normalise(case["display"])
    assert case["name"] == naming.service_name(case["display"], case["id"])


@named("t4_service.json")
async def test_the_life_of_a_service(registry: Registry, host: Host, case: dict[str, Any]) -> None:
    """Statuses, bodies and headers are upstream's, step by step."""
    await walk(registry, host, case)


@named("t5_specifications.json")
async def test_specifications(registry: Registry, host: Host, case: dict[str, Any]) -> None:
    """What is fetched, with what, what is stored of it, and what the status says about it."""
    host.answers |= {path: answer(body.encode()) for path, body in case.get("host", {}).items()}

    await walk(registry, host, case)

    stored = await registry.stored()
    specs = next((said["specs"] for said in stored.status.get("services", {}).values()), {})
    for kind, expected in case.get("stored", {}).items():
        assert expected.items() <= specs[kind].items()
    assert set(case.get("stored", specs)) == set(specs)
    asked = "".join(host.asked)
    assert [text for text in case.get("asked", ()) if text not in asked] == []
    assert host.asked == [] or case.get("asked") != []
    assert case.get("problems", condition.problems_of(stored)) == condition.problems_of(stored)
    assert case.get("failure", "") in stored.status.get("lastFailure", {}).get("error", "")


async def walk(registry: Registry, host: Host, case: dict[str, Any]) -> None:
    """Take the steps of a case; `{id}` is what the last registration answered."""
    made = ""
    async with registry.client() as http:
        for step in case["steps"]:
            answered = await take(http, step, {"{id}": made, "{host}": host.url("")})
            made = answered.json()["id"] if step["method"] == "POST" and answered.status_code == 200 else made


async def take(http: httpx.AsyncClient, step: dict[str, Any], known: dict[str, str]) -> httpx.Response:
    """Take one step and compare the answer."""
    step = json.loads(filled(json.dumps(step), known))
    body = step["raw"] if "raw" in step else json.dumps(step["body"]) if "body" in step else ""
    headers = step.get("headers_sent", {})
    answered = await http.request(step["method"], step["path"], content=body, headers=headers)
    assert step["status"] == answered.status_code, answered.text
    found = answered.json() if answered.content and "location" not in answered.headers else None
    assert step.get("json", found) == found
    assert {name: answered.headers.get(name) for name in step.get("headers", {})} == step.get("headers", {})
    for pointer, expected in step.get("has", {}).items():
        assert expected == at(found, pointer)
    assert [pointer for pointer in step.get("absent", ()) if at(found, pointer) is not None] == []
    error = found.get("error", "") if isinstance(found, dict) else ""
    assert error.startswith(step.get("error_begins", ""))
    assert step.get("error_has", "") in error
    return answered


def filled(text: str, known: dict[str, str]) -> str:
    """Put in what is known by now."""
    for name, value in known.items():
        text = text.replace(name, value)
    return text


def at(document: Any, pointer: str) -> Any:
    """Return a member by its path, None when it is not there."""
    for part in pointer.strip("/").split("/"):
        document = document.get(part) if isinstance(document, dict) else None
    return document
