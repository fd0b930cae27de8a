"""Listeners of this side that are bound elsewhere than to loopback ask strangers who they are."""

import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts import subjects
from hub.house import Running
from hub.kernel.broker import Bus
from tests.commands.line import Line
from tests.conftest import make_settings

EVENT = {
    "ce-specversion": "1.0", "ce-id": "1", "ce-source": "shop", "ce-type": "order.created.v1",
    "content-type": "application/json",
}  # fmt: skip


def own_address() -> str:
    """Return an address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


@dataclass
class Open:
    """A hub bound to all addresses, reached from elsewhere and from the machine itself."""

    process: Running
    line: Line

    def url(self, listener: str, host: str) -> str:
        """Return the address of a listener as seen from a host."""
        return f"http://{host}:{httpx.URL(self.process.addresses()[listener]).port}"


@pytest.fixture
async def hub(bus: Bus, running: Callable[..., Any], tmp_path: Path, nats_url: str) -> AsyncIterator[Open]:
    """Return it."""
    everywhere = {"host": "0.0.0.0", "port": 0}
    settings = make_settings(tmp_path, nats_url, internal=everywhere, gateway=everywhere)
    process = await running(["connector", "ingress", "functions", "gateway"], ["internal", "gateway"], settings)
    yield Open(process, Line(settings))


@pytest.mark.parametrize(
    ("listener", "path"),
    [("internal", "/publish"), ("internal", "/publish?by=routes"), ("internal", "/functions/x"), ("gateway", "/a/b/c")],
)
async def test_a_stranger_is_refused_before_anything_else(hub: Open, bus: Bus, listener: str, path: str) -> None:
    """No token, or one that is nobody's: 401, and nothing is stored or called."""
    async with httpx.AsyncClient(base_url=hub.url(listener, own_address()), trust_env=False) as client:
        for token in ({}, {"hub-workload-token": "made up"}):
            answer = await client.post(path, headers=EVENT | token, content=b"{}")
            assert answer.status_code == 401, answer.text
    assert "token" in answer.json()["detail"]
    assert (await bus.js.stream_info(subjects.EVENTS)).state.messages == 0


async def test_a_stranger_gets_no_tunnel_either(hub: Open) -> None:
    """WebSocket leads past the routes, not past the question."""
    ask = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-key": "x", "sec-websocket-version": "13"}
    async with httpx.AsyncClient(base_url=hub.url("gateway", own_address()), trust_env=False) as client:
        assert (await client.get("/a/b/c", headers=ask)).status_code == 401


async def test_this_machine_is_asked_nothing(hub: Open) -> None:
    """Loopback is trusted as before, whatever the listener is bound to."""
    async with httpx.AsyncClient(base_url=hub.url("internal", "127.0.0.1"), trust_env=False) as client:
        assert (await client.post("/publish", headers=EVENT, content=b"{}")).status_code == 204


async def test_a_service_elsewhere_shows_the_token_it_was_given(hub: Open, bus: Bus) -> None:
    """`hub token --workload` makes one; what the service posts is stored under its name, whatever the event says."""
    given = await hub.line("token", "--workload", "default/erp")
    assert given.status == 0, given.err
    headers = EVENT | {"hub-workload-token": given.out.strip()}
    async with httpx.AsyncClient(base_url=hub.url("internal", own_address()), trust_env=False) as client:
        for path in ("/publish", "/publish?by=routes"):
            assert (await client.post(path, headers=headers, content=b"{}")).status_code == 204
    assert ((await bus.js.get_msg(subjects.EVENTS, 1)).headers or {})["ce-source"] == "default/erp"
    tunnel = EVENT | {"connection": "Upgrade", "upgrade": "websocket", "hub-workload-token": given.out.strip()}
    async with httpx.AsyncClient(base_url=hub.url("gateway", own_address()), trust_env=False) as client:
        assert (await client.get("/a/b/c", headers=tunnel)).status_code == 404


@pytest.mark.parametrize("name", ["erp", "default/", "Default/erp", "default/erp@shadow"])
async def test_a_workload_is_named_by_scope_and_name(hub: Open, name: str) -> None:
    """Anything else is refused by name."""
    given = await hub.line("token", "--workload", name)
    assert (given.status, given.out) == (1, "")
    assert "SCOPE/NAME" in given.err
