"""Applications of Compass: stored whole or not at all, in one request, and only those that Compass manages."""

import base64
from typing import Any

import pytest

from contracts.application.managing import COMPASS, MANAGED_BY
from hub.kernel.errors import AlreadyExists, BrokerUnavailable, InvalidInput
from tests.registry.conftest import API_VERSION, Registry
from tests.registry.test_whole_or_nothing import refuse_documents

LABELS = {MANAGED_BY: COMPASS}
DOCUMENT = base64.b64encode(b'{"openapi": "3.0.0"}').decode()


def wanted(name: str = "mp-shop", password: str = "hush", **changes: Any) -> dict[str, Any]:
    """Return a request for an Application with one bundle, its Secret and a document."""
    secret, parameters = f"{name[:26]}-b", f"{f'params-{name}'[:26]}-b"
    entry = {
        "type": "API", "id": "a", "name": "orders", "targetUrl": "https://x.example.com", "specificationUrl": "",
        "credentials": {"type": "Basic", "secretName": secret}, "requestParametersSecretName": parameters,
    }  # fmt: skip
    service = {
        "id": "b", "identifier": "", "name": "orders-1", "displayName": "orders", "description": "x",
        "providerDisplayName": "", "entries": [entry],
    }  # fmt: skip
    labels = {"app": name, "bundleId": "b"}
    return {
        "document": {
            "apiVersion": API_VERSION, "kind": "Application", "metadata": {"name": name, "labels": LABELS},
            "spec": {"description": "x", "services": [service]},
        },
        "secrets": {
            secret: {"values": {"username": "u", "password": password}, "labels": labels},
            parameters: {"values": {"headers": "{}"}, "labels": labels},
        },
        "documents": {"b/a": {"openapi": DOCUMENT}},
    } | changes  # fmt: skip


async def mirror(registry: Registry, request: dict[str, Any]) -> dict[str, Any]:
    """Ask the registry as the agent does."""
    return await registry.session.ask("applications", "mirror", request)


async def names(registry: Registry) -> tuple[list[str], list[str]]:
    """Return the names of all Secrets and documents."""
    return sorted(await registry.secrets()), await registry.assets()


@pytest.mark.parametrize("name", ["mp-shop", "mp-a-name-that-is-cut-in-those-of-its-secrets"])
async def test_an_application_is_stored_with_its_secrets_and_documents_and_goes_with_them(
    registry: Registry, name: str
) -> None:
    """Nothing is left after its removal; the other rooms hear of both."""
    assert "created" == (await mirror(registry, wanted(name)))["outcome"]
    secrets, documents = await names(registry)
    assert 2 == len(secrets) and [f"specs/{name}/b/a/openapi"] == documents
    assert "updated" == (await mirror(registry, wanted(name, password="other")))["outcome"]
    await registry.session.ask("applications", "delete", {"name": name})
    assert ([], []) == await names(registry)
    told = [event["type"] for event in await registry.announced() if event["application"] == name]
    assert ["hub.application.v1.registered", "hub.application.v1.changed", "hub.application.v1.removed"] == told


async def test_what_an_operator_applies_does_not_lose_the_documents(registry: Registry) -> None:
    """A label more: the documents of the entries stay, in the store and in the status."""
    stored = (await mirror(registry, wanted()))["resource"]
    stored["metadata"]["labels"] |= {"team": "sales"}
    del stored["metadata"]["resourceVersion"]
    await registry.session.ask("applications", "apply", {"document": stored})
    assert ["specs/mp-shop/b/a/openapi"] == await registry.assets()
    after = (await mirror(registry, wanted()))["resource"]
    assert "b/a" in after["status"]["services"] and "sales" == after["metadata"]["labels"]["team"]


@pytest.mark.parametrize("known", [False, True], ids=["new", "changed"])
async def test_what_fails_half_way_is_taken_back(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """A new one leaves nothing, a changed one stays what it was."""
    if known:
        await mirror(registry, wanted())
    before = {key: each.spec for key, each in (await registry.secrets()).items()}, await registry.assets()
    with monkeypatch.context() as patched:
        refuse_documents(patched, "asyncapi")
        documents = {"b/a": {"openapi": DOCUMENT}, "b/e": {"asyncapi": DOCUMENT}}
        with pytest.raises(BrokerUnavailable):
            await mirror(registry, wanted(password="other", documents=documents))
    after = {key: each.spec for key, each in (await registry.secrets()).items()}
    assert before[0].keys() == after.keys() and before[1] == await registry.assets()


async def test_one_of_the_hubs_own_is_not_touched(registry: Registry) -> None:
    """Neither the Application nor its Secrets; nothing of the refused one is left."""
    before = await registry.stored()
    with pytest.raises(AlreadyExists, match="Compass does not manage it"):
        await mirror(registry, wanted("shop"))
    assert before == await registry.stored() and ([], []) == await names(registry)


async def test_a_request_that_does_not_say_whose_it_is_is_refused(registry: Registry) -> None:
    """Without the label, with a Secret of another shape, with a document that is no base64."""
    bare = wanted()
    bare["document"]["metadata"]["labels"] = {}
    for request in (bare, wanted(secrets={"x": {"values": 1}}), wanted(documents={"b/a": {"openapi": "%"}})):
        with pytest.raises(InvalidInput):
            await mirror(registry, request)
    assert ([], []) == await names(registry)
