"""Solutions that Compass paired: the edge takes their certificates for their own Applications, and for no other."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import httpx
import pytest

from hub.compass.graphql import present
from hub.compass.model import Credentials
from tests.compass.conftest import Hub, until
from tests.doubles.compass.client import Caller
from tests.doubles.compass.world import Application

ROOMS = ("registry", "connector", "ingress", "compass")
EVENT = {
    "event-type": "order.created", "event-type-version": "v1", "event-time": "2030-01-01T00:00:00Z", "data": {"id": 1}
}  # fmt: skip
CLOUD_EVENT = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "shop", "ce-type": "order.created.v1"}
DETAILS = {"provider": "Shop", "name": "Orders", "description": "Orders", "api": {"targetUrl": "https://x.example.com"}}


class Solutions:
    """Solutions at Compass, and their clients at the hub's edge."""

    def __init__(self, hub: Hub, caller: Caller) -> None:
        """Begin with none."""
        self.hub = hub
        self.caller = caller
        self.clients: list[httpx.AsyncClient] = []

    async def paired(self, application: Application) -> httpx.AsyncClient:
        """Pair a solution with Compass; returns its client at the hub."""
        return self.client(await self.caller.pair("APPLICATION", application.id))

    def client(self, credentials: Credentials | None) -> httpx.AsyncClient:
        """Return a client at the hub."""
        context = ssl.create_default_context(cafile=self.hub.settings.data_dir / "ca.crt")
        if credentials is not None:
            present(context, credentials)
        url = self.hub.process.addresses()["edge"]
        self.clients.append(httpx.AsyncClient(base_url=url, verify=context, trust_env=False))
        return self.clients[-1]


@pytest.fixture
async def solutions(start: Callable[..., Awaitable[Hub]], tmp_path: Path) -> AsyncIterator[Solutions]:
    """Return a paired hub with its edge open."""
    hub = await start(ROOMS, ("edge",))
    caller = Caller(hub.compass, tmp_path / "solutions-ca.pem")
    made = Solutions(hub, caller)
    yield made
    for client in made.clients:
        await client.aclose()
    await caller.close()


async def answered(ask: Callable[[], Awaitable[httpx.Response]], status: int) -> httpx.Response:
    """Wait until the edge has heard of what was synchronized a moment ago."""

    async def fact() -> httpx.Response | None:
        try:
            answer = await ask()
        except httpx.HTTPError:  # the authority of Compass is not trusted yet
            return None
        return answer if answer.status_code == status else None

    found: httpx.Response = await until(fact, 10)
    return found


async def test_a_solution_posts_events_at_the_address_compass_told_it(solutions: Solutions) -> None:
    """Legacy and CloudEvents, with each of its certificates."""
    world = solutions.hub.compass.world
    shop = world.application("Shop")
    clients = [await solutions.paired(shop), await solutions.paired(shop)]
    await solutions.hub.paired()
    for client in clients:
        await answered(partial(client.post, "/mp-shop/v1/events", json=EVENT), 200)
    answer = await clients[0].post("/mp-shop/events", json={}, headers=CLOUD_EVENT)
    assert 204 == answer.status_code


async def test_a_certificate_speaks_for_its_own_application_only(solutions: Solutions) -> None:
    """Another Application of Compass is refused; without a certificate so is its own."""
    world = solutions.hub.compass.world
    shop, crm = world.application("shop"), world.application("crm")
    client, _ = await solutions.paired(shop), await solutions.paired(crm)
    await solutions.hub.paired()
    await answered(lambda: client.post("/mp-shop/v1/events", json=EVENT), 200)
    assert 403 == (await client.post("/mp-crm/v1/events", json=EVENT)).status_code
    assert 401 == (await solutions.client(None).post("/mp-shop/v1/events", json=EVENT)).status_code


async def test_compass_cannot_speak_for_a_standalone_application(solutions: Solutions) -> None:
    """A certificate of its authority with that Application's name is refused at every door of the edge."""
    hub = solutions.hub
    await hub.apply_application("mine", {"services": []})
    shop = hub.compass.world.application("shop")
    honest = await solutions.paired(shop)
    hub.compass.authority.names_instead = {"CN": "mine"}
    forged = await solutions.paired(shop)
    hub.compass.authority.names_instead = {}
    await hub.paired()
    await answered(lambda: honest.post("/mp-shop/v1/events", json=EVENT), 200)
    for path in ("/mine/v1/events", "/mine/v1/metadata/services"):
        assert 403 == (await forged.post(path, json=EVENT)).status_code, path
    assert 403 == (await forged.get("/v1/applications/management/info")).status_code
    renewal = await forged.post("/v1/applications/certificates/renewals", json={"csr": "x"})
    assert 403 == renewal.status_code


async def test_a_solution_that_compass_lets_go_is_refused_after_the_next_synchronization(solutions: Solutions) -> None:
    """Deleting its auth at Compass is how access is taken away."""
    hub = solutions.hub
    shop = hub.compass.world.application("shop")
    gone, kept = await solutions.paired(shop), await solutions.paired(shop)
    await hub.paired()
    await answered(lambda: gone.post("/mp-shop/v1/events", json=EVENT), 200)
    first = next(auth for auth in hub.compass.world.auths.values() if auth.object_id == shop.id)
    del hub.compass.world.auths[first.id]
    hub.compass.world.changed()
    await hub.sync()
    await answered(lambda: gone.post("/mp-shop/v1/events", json=EVENT), 403)
    await answered(lambda: kept.post("/mp-shop/v1/events", json=EVENT), 200)


async def test_the_metadata_api_refuses_changes_to_what_compass_manages(solutions: Solutions) -> None:
    """It says where to change it; reading goes on, and an Application of the hub's own is changed as ever."""
    shop = solutions.hub.compass.world.application("shop")
    client = await solutions.paired(shop)
    await solutions.hub.paired()
    path = "/mp-shop/v1/metadata/services"
    await answered(lambda: client.get(path), 200)
    for method, where in (("POST", path), ("PUT", f"{path}/x"), ("DELETE", f"{path}/x")):
        answer = await client.request(method, where, json=DETAILS)
        assert 403 == answer.status_code
        assert "managed by Compass; change its APIs and events there" in answer.json()["error"]
