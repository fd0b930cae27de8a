"""From a registration over the metadata API to a Function that calls the API, all rooms real."""

import asyncio
import base64
import json
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hub.commands.session import Session
from hub.house import Running
from hub.kernel.broker import Bus
from hub.settings import HubSettings
from hub.up.ports import free_port
from tests.conftest import make_settings
from tests.gateway.certificates import Authority, server_context
from tests.gateway.solution import PARAMETERS, Premises, open_premises
from tests.gateway.targets import Targets
from tests.gateway.wire import Reply, ask
from tests.registry.conftest import Registry

Run = Callable[..., Awaitable[Running]]
BASIC = {"basic": {"username": "user", "password": "passwd"}}
OAUTH = {"clientId": "clientID", "clientSecret": "clientSecret"}


@pytest.fixture
async def premises(targets: Targets) -> Premises:
    """Return a running solution."""
    return await open_premises(targets)


def settings_of(tmp_path: Path, nats_url: str) -> HubSettings:
    """Return settings with a gateway at an address that is known beforehand."""
    return make_settings(tmp_path, nats_url, gateway={"port": free_port()})


@pytest.fixture
async def hub(bus: Bus, running: Run, tmp_path: Path, nats_url: str) -> Registry:
    """Return a hub with the Application `shop`."""
    settings = settings_of(tmp_path, nats_url)
    process = await running(["registry", "gateway", "functions"], ["gateway", "internal"], settings)
    made = Registry(process, bus, Session(settings, bus.nc, bus.js))
    await made.answering()
    await made.application()
    return made


async def register(hub: Registry, name: str, **api: Any) -> str:
    """Register an API as the solution does; returns its address at the gateway as the Application shows it."""
    details = {"provider": "Shop", "name": name, "description": "Orders", "api": api}
    async with hub.client() as http:
        answer = await http.post("/shop/v1/metadata/services", json=details)
    assert 200 == answer.status_code, answer.text
    services = (await hub.stored()).spec["services"]
    return str(next(each for each in services if each["id"] == answer.json()["id"])["entries"][0]["centralGatewayUrl"])


async def call(url: str, until_status: int = 200) -> Reply:
    """Call an address until the gateway has heard of what was registered a moment ago."""
    port, _, path = url.removeprefix("http://127.0.0.1:").partition("/")
    async with asyncio.timeout(10):
        while (reply := await ask(int(port), "GET", f"/{path}", [])).status != until_status:
            await asyncio.sleep(0.01)
    return reply


async def test_what_a_solution_registers_can_be_called_at_the_address_it_shows(
    hub: Registry, premises: Premises
) -> None:
    """Basic, OAuth, CSRF and request parameters as the metadata API takes them."""
    site = f"{premises.plain.url}/v1/api"
    csrf = {"csrfInfo": {"tokenEndpointURL": f"{site}/csrf-oauth/token"}}
    oauth = {"oauth": OAUTH | {"url": f"{site}/oauth/token"} | csrf}
    parameters = {name: json.loads(value) for name, value in PARAMETERS.items()}
    basic_url = await register(
        hub, "Basic API", targetUrl=f"{site}/request-parameters-basic", credentials=BASIC, requestParameters=parameters
    )
    oauth_url = await register(hub, "OAuth API", targetUrl=f"{site}/csrf-oauth", credentials=oauth)

    assert b"ok" == (await call(f"{basic_url}/ok")).body
    assert b"ok" == (await call(f"{oauth_url}/ok")).body


async def test_a_generated_certificate_opens_the_api_that_trusts_it(hub: Registry, targets: Targets) -> None:
    """The solution reads the certificate from the metadata API and lets its owner in."""
    holder: list[Any] = []
    port, generated = free_port(), {"certificateGen": {"commonName": "hub"}}
    url = await register(hub, "Certified", targetUrl=f"https://localhost:{port}", credentials=generated)
    async with hub.client() as http:
        (listed,) = (await http.get("/shop/v1/metadata/services")).json()
        details = (await http.get(f"/shop/v1/metadata/services/{listed['id']}")).json()
    pem = base64.b64decode(details["api"]["credentials"]["certificateGen"]["certificate"]).decode()
    await hub.apply(await switched_off(hub))

    context = server_context(Authority("solution").issue("server"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=pem)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        holder.append(writer.get_extra_info("peercert"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port, ssl=context)
    async with server:
        assert b"ok" == (await call(url)).body
    assert ((("commonName", "hub"),),) == holder[0]["subject"]


async def switched_off(hub: Registry) -> dict[str, Any]:
    """Return the Application with its checks of certificates switched off."""
    document = (await hub.stored()).to_document()
    document.pop("status", None)
    document["spec"]["skipVerify"] = True
    return document


PYTHON = """
import os
import urllib.request


def main(event, context):
    with urllib.request.urlopen(os.environ["GATEWAY_URL"] + "/shop/order-api/ok?from=function") as answer:
        return answer.read().decode() + " as " + str("passwd" in str(dict(os.environ)))
"""
NODE = """
module.exports = {
  main: async function (event, context) {
    const answer = await fetch(process.env.GATEWAY_URL + "/shop/order-api/ok?from=function");
    const knows = JSON.stringify(process.env).includes("passwd");
    return (await answer.text()) + " as " + (knows ? "True" : "False");
  },
};
"""


@pytest.mark.parametrize(("runtime", "source"), [("python312", PYTHON), ("nodejs22", NODE)], ids=["python", "node"])
async def test_a_function_calls_a_protected_api_without_its_password(
    hub: Registry, premises: Premises, runtime: str, source: str
) -> None:
    """It knows the gateway's address and nothing more; the target sees the credentials."""
    await register(hub, "Order API", targetUrl=f"{premises.plain.url}/v1/api/basic", credentials=BASIC)
    function = {
        "apiVersion": "serverless.kyma-project.io/v1alpha2", "kind": "Function", "metadata": {"name": "caller"},
        "spec": {"runtime": runtime, "source": {"inline": {"source": source}}},
    }  # fmt: skip
    await hub.session.ask("functions", "apply", {"document": function})

    reply = await call(f"{hub.process.addresses()['internal']}/functions/caller")

    assert b"ok as False" == reply.body
    assert [("from", "function")] == premises.solution.calls[-1].query
