"""A hub in Compass mode, from the command line to a Function: paired, synchronized, used, and through bad times."""

import asyncio
import os
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from hub.compass.graphql import present
from hub.compass.model import Credentials
from hub.up.client import start_hub
from hub.up.ports import free_port
from tests.compass.test_synchronizing import ASYNCAPI, OPENAPI
from tests.doubles.compass.client import Caller
from tests.doubles.compass.serving import Compass
from tests.doubles.compass.world import Application, api, basic, bundle, event, spec
from tests.journeys.conftest import House
from tests.up import conftest as up

T = TypeVar("T")
MANIFEST = """
apiVersion: serverless.kyma-project.io/v1alpha2
kind: Function
metadata: {name: orders}
spec:
  runtime: python312
  source:
    inline:
      source: |
        def main(event, context):
            print("order", event["data"]["order"], "from", event["ce-source"])
---
apiVersion: eventing.kyma-project.io/v1alpha2
kind: Subscription
metadata: {name: orders}
spec:
  source: mp-shop
  types: [order.created.v1]
  typeMatching: standard
  sink: http://orders.default.svc.cluster.local
"""
RENEW = """
apiVersion: compass.kyma-project.io/v1alpha1
kind: CompassConnection
metadata: {name: compass-connection}
spec: {refreshCredentialsNow: true}
"""


@dataclass
class Elsewhere:
    """A Compass in a thread of its own: it goes on while a test waits for a command."""

    compass: Compass = field(default_factory=Compass)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def begin(self) -> None:
        """Start the thread, and listen."""
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.run(self.compass.start())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something where Compass lives."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def end(self) -> None:
        """Stop listening, and the thread."""
        self.run(self.compass.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    """Return a running Compass."""
    made = Elsewhere()
    made.begin()
    yield made
    made.end()


@pytest.fixture
def hub(tmp_path: Path, elsewhere: Elsewhere) -> Iterator[House]:
    """Return a hub that trusts it, with an interval that is short enough to be waited for."""
    authority = tmp_path / "compass.pem"
    authority.write_bytes(elsewhere.compass.authority.pem)
    names = ("EDGE", "PUBLIC", "INTERNAL", "GATEWAY", "GATEWAY_COMPASS")
    settings = {f"HUB_{name}__PORT": str(free_port()) for name in names} | {
        "HUB_COMPASS__CA_FILE": str(authority), "HUB_COMPASS__KEY_BITS": "2048", "HUB_COMPASS__INTERVAL_SECONDS": "1",
        "HUB_COMPASS__MINIMAL_SECONDS": "0.2", "HUB_COMPASS__TIMEOUT_SECONDS": "3",
    }  # fmt: skip
    running = start_hub(tmp_path / "hub", settings)
    yield House(running, os.environ | settings | {"HUB_DATA_DIR": str(tmp_path / "hub")})
    running.stop()


def until(fact: Callable[[], object]) -> None:
    """Wait for a fact as long as a machine under load may need; a command alone takes a second there."""
    up.until(fact, 60)


def landscape(elsewhere: Elsewhere) -> tuple[Application, list[str]]:
    """Return a solution of Compass, and the arguments that pair the hub."""
    world = elsewhere.compass.world
    runtime = world.runtime()
    world.assign(runtime.id, "default")
    orders = bundle(
        "Orders", apis=[api("orders", "https://shop.example.com", spec("OPEN_API", OPENAPI))],
        events=[event("orders", spec("ASYNC_API", ASYNCAPI))], auth=basic("user", "very-secret"),
    )  # fmt: skip
    token = world.token_for("RUNTIME", runtime.id, runtime.tenant)
    connector = elsewhere.compass.connector_url
    return world.application("Shop", orders), [
        "--connector-url", connector, "--runtime-id", runtime.id, "--tenant", runtime.tenant, "--token", token
    ]  # fmt: skip


def state_of(hub: House) -> str:
    """Return the state of the connection."""
    (connection,) = hub.answer("get", "compassconnections")["items"]
    return str(connection["status"]["connectionState"])


def posting(hub: House, credentials: Credentials, address: str) -> Callable[[int], int]:
    """Return a function that posts an order as the solution does, and returns the status; 0 while it is refused."""
    context = ssl.create_default_context(cafile=str(hub.authority))
    present(context, credentials)

    def post(order: int) -> int:
        document = {
            "event-type": "order.created", "event-type-version": "v1", "event-time": "2030-01-01T00:00:00Z",
            "data": {"order": order},
        }  # fmt: skip
        try:
            with httpx.Client(verify=context, trust_env=False) as client:
                return client.post(address, json=document).status_code
        except httpx.HTTPError:
            return 0

    return post


def test_a_solution_of_compass_triggers_a_function_through_outage_and_renewal(
    hub: House, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    """Paired by command; the event URL is the one that Compass tells; no secret is shown by any command."""
    shop, arguments = landscape(elsewhere)
    assert "Synchronized" in hub.hub("compass", "pair", *arguments)
    assert "mp-shop" in hub.hub("get", "applications")
    until(lambda: "order.created.v1" in hub.hub("catalog", "list"))
    (tmp_path / "orders.yaml").write_text(MANIFEST)
    hub.hub("apply", "-f", str(tmp_path / "orders.yaml"))

    caller = Caller(elsewhere.compass, tmp_path / "solution-ca.pem")
    credentials = elsewhere.run(caller.pair("APPLICATION", shop.id))
    told = elsewhere.run(caller.ask(
        elsewhere.compass.secured_url("director"),
        "query Q($id: ID!) { application(id: $id) { eventingConfiguration { defaultURL } } }", credentials, id=shop.id,
    ))  # fmt: skip
    address = told["data"]["application"]["eventingConfiguration"]["defaultURL"]
    assert f"{hub.edge}/mp-shop/v1/events" == address
    post = posting(hub, credentials, address)
    until(lambda: post(1) == 200)
    until(lambda: "order 1 from mp-shop" in hub.hub("function", "logs", "orders"))

    ports = elsewhere.compass.port, elsewhere.compass.secured_port
    elsewhere.run(elsewhere.compass.stop())
    until(lambda: state_of(hub) == "ConnectionMaintenanceFailed")
    assert "does not answer" in hub.hub("compass", "status", status=1)
    assert 200 == post(2)
    until(lambda: "order 2 from mp-shop" in hub.hub("function", "logs", "orders"))

    elsewhere.run(elsewhere.compass.start(*ports))
    until(lambda: state_of(hub) == "Synchronized")
    signed = len([call for call in elsewhere.compass.calls if "Sign" in call[1]])
    hub.hub("apply", "-f", "-", stdin=RENEW)
    until(lambda: len([call for call in elsewhere.compass.calls if "Sign" in call[1]]) > signed)
    until(lambda: state_of(hub) == "Synchronized")
    assert 200 == post(3)

    elsewhere.compass.world.application("Crm")
    assert "mp-crm" in hub.hub("compass", "diff") or "mp-crm" in hub.hub("get", "applications")
    until(lambda: "mp-crm" in hub.hub("get", "applications"))
    shown = "".join(hub.hub(*command) for command in (
        ("compass", "status"), ("compass", "status", "-o", "json"), ("get", "secrets", "-n", "kyma-system"),
        ("get", "secrets", "-o", "yaml"), ("get", "compassconnections", "-o", "yaml"),
        ("compass", "sync", "-o", "json"),
    ))  # fmt: skip
    assert "very-secret" not in shown and arguments[-1] not in shown
    elsewhere.run(caller.close())
