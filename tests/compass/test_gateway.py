"""APIs of Compass, called through the gateway at the addresses their entries show, with the credentials of Compass."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from hub.up.ports import free_port
from tests.compass.conftest import Hub, settings_of, until
from tests.doubles.compass.serving import Compass
from tests.doubles.compass.world import Node, api, basic, bundle, csrf, oauth
from tests.gateway.solution import PARAMETERS, Premises, open_premises
from tests.gateway.targets import Targets
from tests.gateway.wire import ask

Start = Callable[..., Awaitable[Hub]]


@pytest.fixture
async def premises() -> AsyncIterator[Premises]:
    """Return a running solution that asks for credentials."""
    targets = Targets()
    yield await open_premises(targets)
    await targets.close()


@pytest.fixture
async def hub(start: Start) -> Hub:
    """Return a hub with a gateway at an address that is known beforehand."""
    ports = {"gateway_compass": {"port": free_port()}}
    return await start(("registry", "gateway", "compass"), ("gateway_compass",), **ports)


async def called(hub: Hub, application: str, service: int = 0) -> Callable[[], Awaitable[int]]:
    """Return a function that calls the first API of a Service as its entry says, and returns the status."""
    entry = (await hub.application(application)).spec["services"][service]["entries"][0]
    port, _, path = entry["centralGatewayUrl"].removeprefix("http://127.0.0.1:").partition("/")

    async def call() -> int:
        return (await ask(int(port), "GET", f"/{path}/ok", [])).status

    return call


async def answers(call: Callable[[], Awaitable[int]], status: int) -> None:
    """Wait until a call is answered so: the gateway hears a moment later of what was stored."""

    async def fact() -> bool:
        return await call() == status

    await until(fact, 10)


def site(premises: Premises, kind: str) -> str:
    """Return the address of an API that is protected in one way."""
    return f"{premises.plain.url}/v1/api/{kind}"


async def test_every_kind_of_credentials_is_used(hub: Hub, premises: Premises) -> None:
    """None, Basic, OAuth, Basic and OAuth with CSRF, headers and query parameters."""
    token = f"{site(premises, 'oauth')}/token"
    client = {"client": "clientID", "secret": "clientSecret"}
    parameters = {name: json.loads(value) for name, value in PARAMETERS.items()}
    extra = {
        "additionalHeadersSerialized": json.dumps(parameters["headers"]),
        "additionalQueryParams": parameters["queryParameters"],
    }  # fmt: skip
    kinds: dict[str, Node | None] = {
        "unsecure": None,
        "basic": basic(),
        "oauth": oauth(token, **client),
        "csrf-basic": basic() | csrf(f"{site(premises, 'csrf-basic')}/token"),
        "csrf-oauth": oauth(token, **client) | csrf(f"{site(premises, 'csrf-oauth')}/token"),
        "request-parameters-basic": basic() | extra,
    }
    bundles = [bundle(kind, apis=[api(kind, site(premises, kind))], auth=auth) for kind, auth in kinds.items()]
    hub.compass.world.application("shop", *bundles)
    await hub.paired()
    for number in range(len(kinds)):
        await answers(await called(hub, "mp-shop", number), 200)


async def test_credentials_that_change_at_compass_are_used(hub: Hub, premises: Premises) -> None:
    """Wrong ones are refused by the target; right ones come with the next synchronization."""
    orders = bundle("orders", apis=[api("orders", site(premises, "basic"))], auth=basic(password="wrong"))
    hub.compass.world.application("shop", orders)
    await hub.paired()
    call = await called(hub, "mp-shop")
    await answers(call, 403)
    orders["defaultInstanceAuth"] = basic()
    hub.compass.world.changed()
    await hub.sync()
    await answers(call, 200)


async def test_the_address_in_an_entry_is_the_gateways(tmp_path: Path, nats_url: str, compass: Compass) -> None:
    """Unless a setting names another one."""
    own = settings_of(tmp_path, nats_url, compass, gateway_compass={"port": 4711})
    other = settings_of(tmp_path, nats_url, compass, gateway_url="http://gateway.example:8082")
    assert ("http://127.0.0.1:4711", "http://gateway.example:8082") == (
        own.compass.gateway_url, other.compass.gateway_url
    )  # fmt: skip
