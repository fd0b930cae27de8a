"""APIs of Compass, called through the gateway at the addresses their entries show, with the credentials of Compass."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

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


def echoed(hub: Hub) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Return a function that calls the first API of the only Service and returns the request that its target saw."""

    async def call() -> dict[str, Any]:
        entry = (await hub.application("mp-shop")).spec["services"][0]["entries"][0]
        port, _, path = entry["centralGatewayUrl"].removeprefix("http://127.0.0.1:").partition("/")
        reply = await ask(int(port), "GET", f"/{path}/echo", [])
        seen: dict[str, Any] = json.loads(reply.body) if reply.status == 200 else {}
        return seen

    return call


def values(seen: dict[str, Any], name: str) -> list[str]:
    """Return the values of a header that a target saw."""
    return [value for each, value in seen.get("headers", []) if each.lower() == name]


async def test_another_kind_of_credentials_is_used_from_the_next_synchronization_on(
    hub: Hub, premises: Premises
) -> None:
    """None to OAuth, OAuth to Basic, Basic to none: the target sees what Compass says now."""
    orders = bundle("orders", apis=[api("orders", site(premises, "unsecure"))])
    hub.compass.world.application("shop", orders)
    await hub.paired()
    call = echoed(hub)
    token = oauth(f"{site(premises, 'oauth')}/token", client="clientID", secret="clientSecret")
    for auth, scheme in ((None, []), (token, ["Bearer"]), (basic(), ["Basic"]), (None, [])):
        orders["defaultInstanceAuth"] = auth
        hub.compass.world.changed()
        await hub.sync()

        async def follows(scheme: list[str] = scheme) -> bool:
            seen = await call()
            return bool(seen) and scheme == [value.split()[0] for value in values(seen, "authorization")]

        await until(follows, 10)


@pytest.mark.parametrize("kind", ["additionalHeaders", "additionalQueryParams"])
@pytest.mark.parametrize("form", ["", "Serialized"], ids=["object", "text"])
async def test_headers_or_query_parameters_alone_are_sent(hub: Hub, premises: Premises, kind: str, form: str) -> None:
    """Without any credentials beside them; nothing of the other kind is sent."""
    given = {"Parameter": ["one", "two"]}
    auth = {"credential": None, f"{kind}{form}": json.dumps(given) if form else given}
    hub.compass.world.application("shop", bundle("orders", apis=[api("orders", site(premises, "unsecure"))], auth=auth))
    await hub.paired()
    call = echoed(hub)
    seen = await until(call, 10)
    headers, query = (given["Parameter"], "") if "Headers" in kind else ([], "?Parameter=one&Parameter=two")
    assert headers == values(seen, "parameter") and [] == values(seen, "authorization")
    assert seen["target"].endswith(f"/echo{query}")


async def test_a_bundle_with_csrf_is_added_to_an_application_that_had_none(hub: Hub, premises: Premises) -> None:
    """It is called with a token of its endpoint from the next synchronization on."""
    shop = hub.compass.world.application("shop")
    await hub.paired()
    assert [] == (await hub.application("mp-shop")).spec["services"]
    auth = basic() | csrf(f"{site(premises, 'csrf-basic')}/token")
    shop.bundles.append(bundle("orders", apis=[api("orders", site(premises, "csrf-basic"))], auth=auth))
    hub.compass.world.changed()
    await hub.sync()
    await answers(await called(hub, "mp-shop"), 200)
    assert premises.solution.crossed


async def test_the_address_in_an_entry_is_the_gateways(tmp_path: Path, nats_url: str, compass: Compass) -> None:
    """Unless a setting names another one."""
    own = settings_of(tmp_path, nats_url, compass, gateway_compass={"port": 4711})
    other = settings_of(tmp_path, nats_url, compass, gateway_url="http://gateway.example:8082")
    assert ("http://127.0.0.1:4711", "http://gateway.example:8082") == (
        own.compass.gateway_url, other.compass.gateway_url
    )  # fmt: skip
