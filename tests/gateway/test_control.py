"""Who may call, what operators see: callers, metrics, logs, and the test of one call step by step."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hub.commands.session import Session
from hub.kernel import metrics
from hub.kernel.errors import InvalidInput
from hub.kernel.keys import load_keys
from hub.kernel.workload import token_for
from tests.gateway.conftest import Gateway, service
from tests.gateway.solution import open_premises
from tests.gateway.targets import Say, Seen, Targets
from tests.gateway.wire import exchange, head

Start = Callable[..., Awaitable[Gateway]]
SECRETS = ["s3cr3t-param", *(f"{kind}-{number}" for kind in ("token", "csrf") for number in range(9))]


def token(gateway: Gateway, scope: str, name: str) -> str:
    """Return the token of a Function of this hub."""
    return token_for(load_keys(gateway.settings.keys, gateway.settings.data_dir), scope, name)


@pytest.mark.parametrize(
    ("listed", "status"),
    [
        ("default/orders", 200),
        ("other/*, default/*", 200),
        ("default/order, orders", 403),
        ("other/orders", 403),
        ("", 200),
    ],
)
async def test_an_application_can_list_its_callers(
    gateway: Gateway, targets: Targets, listed: str, status: int
) -> None:
    """By Function or by scope; the token that says so stays here. Without a list everybody may call."""
    target = await targets.serve()
    await gateway.api(target.url, annotations={"gateway.hub/callers": listed} if listed else {})

    reply = await gateway.call(headers={"Hub-Workload-Token": token(gateway, "default", "orders")})

    assert (status, int(status == 200)) == (reply.status, len(target.seen))
    assert not [seen for seen in target.seen if seen.header("hub-workload-token")]


@pytest.mark.parametrize(("sent", "status"), [(None, 403), ("", 401), ("x", 401), ("AAAA" * 40, 401), ("%zz", 401)])
async def test_a_token_that_is_none_opens_nothing(
    gateway: Gateway, targets: Targets, sent: str | None, status: int
) -> None:
    """Not for calls and not for WebSockets."""
    target = await targets.serve()
    await gateway.api(target.url, annotations={"gateway.hub/callers": "default/*"})
    headers = {} if sent is None else {"Hub-Workload-Token": sent}
    upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), *headers.items()]

    call = await gateway.call(headers=headers)
    handshake = await exchange(gateway.port(), head("GET", "/app/service", upgrade, None))

    assert ([status, status], []) == ([call.status, handshake.status], target.seen)


@pytest.mark.parametrize(("listed", "status"), [("", 202), ("default/orders", 202), ("other/*", 403)])
async def test_calls_of_a_shadow_are_recorded_and_not_made(
    gateway: Gateway, targets: Targets, capfd: pytest.CaptureFixture[str], listed: str, status: int
) -> None:
    """It may call what its Function may; nothing reaches the target, by a call or by a WebSocket."""
    target = await targets.serve()
    await gateway.api(target.url, annotations={"gateway.hub/callers": listed} if listed else {})
    shown = {"Hub-Workload-Token": token(gateway, "default", "orders@shadow")}
    upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), *shown.items()]

    reply = await gateway.call("/app/service/orders/7?key=s3cr3t", "POST", shown, b"x" * 3_000_000)
    handshake = await exchange(gateway.port(), head("GET", "/app/service", upgrade, None))

    logged = capfd.readouterr().out
    assert (status, 403, 0) == (reply.status, handshake.status, target.connections)
    assert ("call.recorded" in logged and "/orders/7" in logged) is (202 == status)
    assert ("true" if status == 202 else None) == reply.header("hub-gateway-recorded")
    assert "s3cr3t" not in logged


async def test_a_function_beside_its_shadow_is_served(gateway: Gateway, targets: Targets) -> None:
    """The name alone decides; a token that is nobody's opens what is open to everybody."""
    target = await targets.serve()
    await gateway.api(target.url)

    tokens = [token(gateway, "default", "orders"), "nobody's"]
    replies = [await gateway.call(headers={"Hub-Workload-Token": each}) for each in tokens]

    assert ([200, 200], 2) == ([reply.status for reply in replies], len(target.seen))


async def test_calls_are_counted_and_timed(start: Start, targets: Targets, capfd: pytest.CaptureFixture[str]) -> None:
    """By Application, Service, method and status; slow ones are logged; names nobody registered make no series."""
    gateway = await start(slow_seconds=0.05)

    async def slowly(seen: Seen) -> Say:
        await asyncio.sleep(0.06)
        return Say(503)

    target = await targets.serve(slowly)
    await gateway.api(target.url, application="metered", spec={"skipVerify": True})

    await gateway.call("/metered/service", "PUT", body=b"")
    await gateway.call("/metered/service", "BREW")
    await gateway.call("/made-up/by-a-caller")

    text, logged = metrics.render().decode(), capfd.readouterr().out
    for line in (
        'hub_gateway_calls_total{application="metered",method="PUT",service="service",status="502"} 1.0',
        'hub_gateway_seconds_count{application="metered",service="service"} 1.0',
        'hub_gateway_unverified{application="metered"} 1.0',
    ):
        assert line in text
    assert "made-up" not in text
    assert "BREW" not in text
    assert "call.slow" in logged and "call.failed" in logged


async def secured(gateway: Gateway, targets: Targets) -> None:
    """Register an API with everything that is secret."""
    premises = await open_premises(targets)
    site = f"{premises.plain.url}/v1/api"
    parameters = {
        "headers": json.dumps({"X-P": ["s3cr3t-param"]}),
        "queryParameters": json.dumps({"p": ["s3cr3t-param"]}),
    }
    await gateway.secret("c", {"clientId": "clientID", "clientSecret": "clientSecret"} | parameters)
    await gateway.secret("p", parameters)
    credentials = {
        "type": "OAuth", "secretName": "c", "authenticationUrl": f"{site}/oauth/token",
        "csrfInfo": {"tokenEndpointURL": f"{site}/csrf-oauth/token"},
    }  # fmt: skip
    await gateway.api(f"{site}/csrf-oauth", credentials=credentials, requestParametersSecretName="p")


async def ask(gateway: Gateway, **request: Any) -> dict[str, Any]:
    """Ask for the test of a call, as the command does."""
    session = Session(gateway.settings, gateway.bus.nc, gateway.bus.js)
    return await session.ask("gateway", "test", {"application": "app", "service": "service"} | request)


async def test_a_call_is_explained_step_by_step(gateway: Gateway, targets: Targets) -> None:
    """Registration, Secrets by name, authentication, CSRF, the call; and no value of any of them."""
    await secured(gateway, targets)

    told = await ask(gateway, path="/ok")

    steps = [step["step"] for step in told["steps"]]
    assert [
        "registration",
        "Secret",
        "Secret",
        "request parameters",
        "limits",
        "authentication",
        "CSRF token",
        "call",
    ] == steps
    assert (True, 200) == (told["ok"], told["status"])
    assert not [value for value in SECRETS if value in json.dumps(told)]


@pytest.mark.parametrize(
    ("request_of", "status", "text"),
    [
        ({"service": "nothing"}, 404, "service with name nothing not found"),
        ({"path": "/code/500"}, 403, ""),
        ({"path": "/../x"}, 400, "climbs above"),
        ({"path": "/a b"}, 400, "without blanks"),
        ({"entry": "other"}, 404, "entry name other not found"),
    ],
)
async def test_a_call_that_fails_is_explained_too(
    gateway: Gateway, targets: Targets, request_of: dict[str, Any], status: int, text: str
) -> None:
    """The last step says what is wrong and what a caller would get."""
    premises = await open_premises(targets)
    await gateway.secret("c", {"username": "user", "password": "wrong"})
    credentials = {"type": "Basic", "secretName": "c"}
    await gateway.api(f"{premises.plain.url}/v1/api/basic", credentials=credentials)

    told = await ask(gateway, **request_of)

    assert (False, status, False) == (told["ok"], told["status"], told["steps"][-1]["ok"])
    assert text in told["steps"][-1]["outcome"]


async def test_a_test_needs_names(gateway: Gateway) -> None:
    """Nothing is called without."""
    with pytest.raises(InvalidInput):
        await ask(gateway, service="")


async def test_the_command_prints_the_steps(gateway: Gateway, targets: Targets, tmp_path: Path) -> None:
    """Lines for people; exit status 1 when the call fails."""
    await secured(gateway, targets)
    url = gateway.settings.nats.url
    assert url is not None
    environment = {**os.environ, "HUB_DATA_DIR": str(tmp_path), "HUB_NATS__URL": url.get_secret_value()}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hub", "gateway", "test", "app", "service", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    good = await asyncio.to_thread(run, "--path", "/ok")
    bad = await asyncio.to_thread(run, "--path", "/code/404", "-o", "json")

    assert (0, "") == (good.returncode, good.stderr)
    assert "ok    authentication      OAuth: a token from" in good.stdout
    assert "answered 200" in good.stdout
    assert (1, 404) == (bad.returncode, json.loads(bad.stdout)["status"])


async def test_a_thousand_applications_are_looked_up_like_one(gateway: Gateway, targets: Targets) -> None:
    """Each answers for itself; what a call looks up does not depend on how many there are."""
    target = await targets.serve(lambda seen: Say(200, seen.path.encode()))
    for number in range(100):
        entries = [
            service(f"API {each}", {"type": "API", "targetUrl": f"{target.url}/{number}/{each}"}) for each in range(5)
        ]
        await gateway.application(f"app-{number}", entries)

    bodies = [(await gateway.call(f"/app-{number}/api-{number % 5}")).body for number in range(0, 100, 7)]

    assert [f"/{number}/{number % 5}".encode() for number in range(0, 100, 7)] == bodies
