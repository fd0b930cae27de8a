"""The registry, which stores what Compass says, is away: it is said, nothing is lost, and it heals by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hub.house import Running
from tests.compass.conftest import Hub, settings_of, until
from tests.doubles.compass.serving import Compass, Fault

Begin = Callable[[], Awaitable[Running]]


@pytest.fixture
def registry(running: Callable[..., Awaitable[Running]], tmp_path: Path, nats_url: str, compass: Compass) -> Begin:
    """Return a function that starts a registry in a process of its own."""
    return lambda: running(["registry"], [], settings_of(tmp_path, nats_url, compass))


async def test_applications_that_cannot_be_stored_are_stored_later(
    start: Callable[..., Awaitable[Hub]], registry: Begin
) -> None:
    """The state names what failed; the addresses of Compass, and what is here, stay."""
    stored = await registry()
    hub = await start(("compass",), minimal_seconds=60)
    hub.compass.world.application("shop")
    await hub.paired()
    before = (await hub.connection())["spec"]["managementInfo"]
    hub.compass.world.application("crm")
    await stored.stop()
    status = await hub.sync()
    assert "ResourceApplicationFailed" == status["connectionState"]
    assert "registry did not answer" in status["synchronizationStatus"]["error"]
    assert before == (await hub.connection())["spec"]["managementInfo"]
    assert {"mp-shop"} == (await hub.applications()).keys()
    await registry()
    await hub.answering()
    assert "Synchronized" == (await hub.sync())["connectionState"]
    assert {"mp-shop", "mp-crm"} == (await hub.applications()).keys()


async def test_a_certificate_that_cannot_be_stored_is_kept_until_it_can(
    start: Callable[..., Awaitable[Hub]], registry: Begin
) -> None:
    """The token is used up by then, so the certificate must not be lost: nobody has to ask for a new token."""
    stored, gate = await registry(), asyncio.Event()
    hub = await start(("compass",), timeout_seconds=30)
    hub.compass.faults.append(Fault("signCertificate", "connector", held=gate))
    await hub.pair()

    async def signing() -> bool:
        return bool(hub.sent("signCertificate"))

    await until(signing)
    await stored.stop()
    gate.set()
    status = await hub.state("ConnectionFailed")
    assert "registry did not answer" in status["connectionStatus"]["error"]
    await registry()
    await hub.state("Synchronized")
    assert "crt" in await hub.secret("cluster-client-certificates")
    assert 1 == len([each for each in hub.sent("query Configuration") if "connector-token" in each])
