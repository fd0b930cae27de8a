"""A registration that fails leaves nothing behind, and what is removed takes everything with it."""

import asyncio
from typing import Any

import pytest

from hub.kernel.errors import BrokerUnavailable
from hub.kernel.objects import Objects
from tests.registry.conftest import API_VERSION, DETAILS, Registry, Run
from tests.registry.test_metadata_api import API, ASYNCAPI, CREDENTIALS, FULL, SERVICES, register

GUARDED = DETAILS | {"api": API | {"credentials": CREDENTIALS["basic"][0]}, "events": {"spec": ASYNCAPI}}


def refuse_documents(monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    """Make the object store refuse documents whose name ends in a word."""
    put = Objects.put

    async def refusing(objects: Objects, name: str, content: bytes, *, new: bool = False) -> None:
        if name.endswith(ending):
            raise BrokerUnavailable("The object store is away.")
        await put(objects, name, content, new=new)

    monkeypatch.setattr(Objects, "put", refusing)


async def test_a_failed_registration_is_taken_back(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the last document cannot be stored, Secrets and documents written before it are gone again."""
    refuse_documents(monkeypatch, "asyncapi")
    async with registry.client() as http:
        answer = await http.post(SERVICES, json=GUARDED)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert ((await registry.stored()).spec, await registry.secrets(), await registry.assets()) == ({}, {}, [])


async def test_a_failed_change_leaves_what_was_there(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a PUT fails half-way, the Service, its credentials and its documents are the old ones."""
    async with registry.client() as http:
        path = f"{SERVICES}/{await register(http, GUARDED)}"
        before = ((await http.get(path)).json(), await registry.secrets())
        with monkeypatch.context() as patched:
            refuse_documents(patched, "asyncapi")
            other = API | {"spec": {"openapi": "3.1.0"}, "credentials": CREDENTIALS["oauth"][0]}
            changed = GUARDED | {"api": other, "events": {"spec": {"asyncapi": "3.0.0"}}}
            refused = await http.put(path, json=changed)
        after = ((await http.get(path)).json(), await registry.secrets())

    assert refused.status_code == 503
    assert {key: each.spec for key, each in before[1].items()} == {key: each.spec for key, each in after[1].items()}
    assert before[0] == after[0]


async def test_concurrent_registrations_are_all_kept(registry: Registry) -> None:
    """Many registrations of one Application at once lose none and give each an id of its own."""
    async with registry.client() as http:
        ids = await asyncio.gather(*(register(http, FULL | {"identifier": f"orders-{n}"}) for n in range(20)))

    stored = {service["id"] for service in (await registry.stored()).spec["services"]}
    assert stored == set(ids)
    assert len(stored) == 20


async def test_two_processes_lose_no_registration(registry: Registry, running: Run) -> None:
    """Processes of the same kind write the same Application side by side; the slower one adds to the faster one's."""
    other = Registry(await running(["registry"], []), registry.bus, registry.session)
    async with registry.client() as here, other.client() as there:
        await asyncio.gather(*(register(http, GUARDED) for http in (here, there) * 8))

    assert len((await registry.stored()).spec["services"]) == 16


async def test_of_concurrent_changes_one_is_there_whole(registry: Registry, running: Run) -> None:
    """Processes replace the same Service at once: all are answered 200; entry, credentials and documents are of one."""
    other = Registry(await running(["registry"], []), registry.bus, registry.session)
    bodies = {
        kind: DETAILS | {"api": {"targetUrl": f"http://{kind}.test", "spec": {"of": kind}, "credentials": given}}
        for kind, given in (("basic", CREDENTIALS["basic"][0]), ("oauth", CREDENTIALS["oauth"][0]))
    }
    async with registry.client() as here, other.client() as there:
        path = f"{SERVICES}/{await register(here, bodies['basic'])}"
        for _ in range(6):
            puts = (http.put(path, json=body) for http, body in ((here, bodies["basic"]), (there, bodies["oauth"])) * 3)
            assert {each.status_code for each in await asyncio.gather(*puts)} == {200}
            (secret,) = (await registry.secrets()).values()
            read = (await here.get(path)).json()["api"]
            kind = read["spec"]["of"]
            assert (read["targetUrl"], list(read["credentials"])) == (f"http://{kind}.test", [kind])
            assert ("password" in secret.spec["keys"]) == (kind == "basic")


async def test_of_concurrent_equal_identifiers_one_wins(registry: Registry) -> None:
    """An identifier stays unique when two registrations race, and the loser leaves nothing."""
    async with registry.client() as http:
        answers = await asyncio.gather(*(http.post(SERVICES, json=GUARDED | {"identifier": "x"}) for _ in range(5)))

    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409, 409]
    assert (len(await registry.secrets()), len(await registry.assets())) == (1, 2)


async def test_deleting_an_application_removes_all_that_was_registered_for_it(registry: Registry) -> None:
    """Secrets and documents of its Services go with it; those of others and the operator's own stay."""
    await registry.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "own", "namespace": "kyma-system"}, "data": {}}
    )
    async with registry.client() as http:
        await register(http, GUARDED)

    answer = await registry.session.ask("applications", "delete", {"name": "shop"})

    assert answer["outcome"] == "deleted"
    assert (list(await registry.secrets()), await registry.assets()) == (["kyma-system.own"], [])
    assert (await registry.announced())[-1] == {
        "type": "hub.application.v1.removed",
        "application": "shop",
        "services": 1,
    }


async def test_applying_without_a_service_removes_what_was_stored_for_it(registry: Registry) -> None:
    """A manifest that drops a registered Service takes its Secrets and documents along, and says so."""
    async with registry.client() as http:
        identifier = await register(http, GUARDED)

    await registry.application(spec={"description": "without services"})

    assert (await registry.secrets(), await registry.assets()) == ({}, [])
    assert (await registry.stored()).status["services"] == {}
    told: dict[str, Any] = (await registry.announced())[-1]
    assert (told["services"], told["changed_services"]) == (0, [identifier])


async def test_a_service_written_as_a_manifest_can_be_read(registry: Registry) -> None:
    """An Application applied as YAML is seen through the metadata API, credentials masked."""
    entry = {"type": "API", "targetUrl": "http://shop.test", "credentials": {"type": "Basic", "secretName": "own"}}
    service = {
        "id": "1",
        "name": "a",
        "displayName": "A",
        "description": "d",
        "providerDisplayName": "",
        "entries": [entry],
    }
    await registry.apply(
        {
            "apiVersion": API_VERSION,
            "kind": "Application",
            "metadata": {"name": "shop"},
            "spec": {"services": [service]},
        }
    )
    async with registry.client() as http:
        read = await http.get(f"{SERVICES}/1")

    masked = {"username": "********", "password": "********"}
    assert read.json() == {
        "provider": "",
        "name": "A",
        "description": "d",
        "api": {"targetUrl": "http://shop.test", "credentials": {"basic": masked}},
    }
