"""Keeping the connection: renewal in time and on request, revocation, addresses that move, clocks that differ."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from contracts import subjects
from tests.compass.conftest import SCOPE, Hub, until
from tests.doubles.compass.serving import Fault


async def leaf(hub: Hub) -> x509.Certificate:
    """Return the certificate that is stored."""
    return x509.load_pem_x509_certificate((await hub.secret("cluster-client-certificates"))["crt"].encode())


async def test_the_connector_is_asked_by_certificate_each_time(hub: Hub) -> None:
    """Once with each synchronization; without need nothing is renewed."""
    await hub.paired()
    before = await leaf(hub)
    await hub.sync()
    await hub.sync()
    asked = [headers for headers in hub.sent("query Configuration") if "connector-token" not in headers]
    assert 3 == len(asked) and before == await leaf(hub)


async def test_a_wish_renews_the_certificate_and_is_cleared(hub: Hub) -> None:
    """By certificate, with another key; the dates say so."""
    await hub.paired()
    before = await hub.secret("cluster-client-certificates")
    await hub.wish(refreshCredentialsNow=True)

    async def renewed() -> dict[str, Any] | None:
        status = await hub.status()
        done = "renewed" in status["connectionStatus"] and status["connectionState"] == "Synchronized"
        return status if done else None

    status = await until(renewed)
    after = await hub.secret("cluster-client-certificates")
    assert before["crt"] != after["crt"] and before["key"] != after["key"]
    assert status["connectionStatus"]["renewed"] >= status["connectionStatus"]["established"]
    assert not (await hub.connection())["spec"]["refreshCredentialsNow"]
    assert ["connector-token" in headers for headers in hub.sent("mutation Sign")] == [True, False]


async def test_a_certificate_is_renewed_before_it_ends(start: Callable[..., Awaitable[Hub]]) -> None:
    """When less than the share of its validity is left: here of two seconds, again and again."""
    hub = await start(interval_seconds=0.2, renewal_share=0.6)
    hub.compass.authority.lifetime, hub.compass.authority.begins = timedelta(seconds=4), timedelta(0)
    await hub.paired()
    first = await leaf(hub)

    async def third() -> bool:
        return len(hub.sent("mutation Sign")) >= 3

    await until(third)
    await hub.state("Synchronized")
    assert first.serial_number != (await leaf(hub)).serial_number


async def test_the_new_certificate_is_used_after_a_restart(
    start: Callable[..., Awaitable[Hub]], running: Callable[..., Awaitable[Any]]
) -> None:
    """Everything that is needed to go on is stored; no token is."""
    hub = await start()
    await hub.paired()
    await hub.process.stop()
    hub.process.listeners.clear()
    hub.compass.world.application("shop")
    await running(["registry", "compass"], [], hub.settings)

    async def arrived() -> bool:
        return "mp-shop" in await hub.applications()

    await until(arrived)
    assert 1 == len([headers for headers in hub.sent("Configuration") if "connector-token" in headers])


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("Configuration", "connector", status=503, body="busy", secured=True), "status 503"),
        (Fault("Configuration", "connector", seconds=5, secured=True), "does not answer in time"),
        (Fault("Configuration", "connector", change=lambda answer: answer["data"]["configuration"].update(
            managementPlaneInfo=None), secured=True), "does not say where"),
        (Fault("Configuration", "connector", change=lambda answer: answer["data"].update(
            configuration=None), secured=True), "no configuration"),
    ],
    ids=["busy", "slow", "no-addresses", "nothing"],
)  # fmt: skip
async def test_a_connector_that_fails_is_said_and_the_certificate_stays(
    start: Callable[..., Awaitable[Hub]], fault: Fault, said: str
) -> None:
    """Nothing is synchronized meanwhile, the certificate's dates stay, and the next attempt recovers."""
    hub = await start(timeout_seconds=1, minimal_seconds=60)
    await hub.paired()
    before = (await hub.status())["connectionStatus"]["certificateStatus"]
    hub.compass.faults.append(Fault(**vars(fault)))
    status = await hub.sync()
    assert "ConnectionMaintenanceFailed" == status["connectionState"]
    assert said in status["connectionStatus"]["error"]
    assert before == status["connectionStatus"]["certificateStatus"]
    assert "Synchronized" == (await hub.sync())["connectionState"]


async def test_a_renewal_that_fails_keeps_the_certificate_and_comes_again(hub: Hub) -> None:
    """The wish stays until it is fulfilled."""
    await hub.paired()
    before = await leaf(hub)
    hub.compass.faults.append(Fault("Sign", "connector", status=500, body="no", times=2))
    await hub.wish(refreshCredentialsNow=True)

    async def renewed() -> bool:
        return before != await leaf(hub)

    await until(renewed)
    await hub.state("Synchronized")


async def test_a_revoked_certificate_is_said_and_a_new_token_heals(hub: Hub) -> None:
    """What was synchronized stays."""
    hub.compass.world.application("shop")
    await hub.paired()
    hub.compass.world.revoked.add((await leaf(hub)).fingerprint(hashes.SHA256()).hex())
    status = await hub.sync()
    assert "ConnectionMaintenanceFailed" == status["connectionState"]
    assert "does not accept the token or certificate" in status["connectionStatus"]["error"]
    assert "mp-shop" in await hub.applications()
    await hub.paired()


async def test_a_certificate_that_ended_is_said(start: Callable[..., Awaitable[Hub]]) -> None:
    """The alert says what to do; the handshake itself is refused then."""
    hub = await start(minimal_seconds=0.01)
    hub.compass.authority.begins, hub.compass.authority.lifetime = timedelta(hours=-2), timedelta(hours=1)
    await hub.pair()
    await hub.state("ConnectionMaintenanceFailed")
    assert any("ended" in alert and "hub compass pair" in alert for alert in await hub.alerts())


async def test_a_clock_that_is_behind_is_said(hub: Hub) -> None:
    """A certificate that has not begun yet means that the clocks differ."""
    hub.compass.authority.begins = timedelta(hours=1)
    await hub.pair()
    await hub.state("ConnectionMaintenanceFailed")
    assert any("clock is behind" in alert for alert in await hub.alerts())


async def test_addresses_that_move_are_followed_and_kept(hub: Hub) -> None:
    """The Connector says a new Director; the connection shows it and the next call goes there."""
    await hub.paired()
    moved = hub.compass.secured_url("director") + "?moved=1"
    hub.compass.addresses["directorURL"] = moved
    await hub.sync()
    assert moved == (await hub.connection())["spec"]["managementInfo"]["directorUrl"]
    assert moved == (await hub.secret("cluster-client-certificates"))["directorUrl"]


async def test_a_deleted_certificate_is_stored_again_by_the_process_that_holds_it(hub: Hub) -> None:
    """Nobody has to ask for a new token."""
    await hub.paired()
    before = await hub.secret("cluster-client-certificates")
    await hub.session.ask(subjects.SECRETS, "delete", {"name": "cluster-client-certificates", "scope": SCOPE})
    status = await hub.sync()
    assert "Synchronized" == status["connectionState"]
    assert before["crt"] == (await hub.secret("cluster-client-certificates"))["crt"]


async def test_addresses_in_a_document_are_not_taken_from_people(hub: Hub) -> None:
    """Where Director and Connector are, Compass says: nobody can lead the hub elsewhere by `hub apply`."""
    await hub.paired()
    before = (await hub.connection())["spec"]["managementInfo"]
    await hub.wish(managementInfo={"directorUrl": "https://evil", "connectorUrl": "https://evil"})
    assert before == (await hub.connection())["spec"]["managementInfo"]


async def test_without_its_pairing_secret_the_hub_stands_alone_again(hub: Hub) -> None:
    """Everything stays as it is: what Compass brought, what is the hub's own, and nothing calls Compass any more."""
    await hub.apply_application("mine", {"services": []})
    hub.compass.world.application("shop")
    await hub.paired()
    await hub.session.ask(subjects.SECRETS, "delete", {"name": "compass-agent-configuration", "scope": SCOPE})

    async def alone() -> bool:
        answer = await hub.session.ask(subjects.COMPASS_CONNECTIONS, "status", {})
        return bool(answer["mode"] == "standalone")

    await until(alone)
    assert {"mine", "mp-shop"} == (await hub.applications()).keys() and [] == await hub.alerts()


async def test_a_director_at_an_address_that_is_none_is_said(hub: Hub) -> None:
    """Secrets go over TLS only, whatever Compass says."""
    await hub.paired()
    hub.compass.addresses["directorURL"] = "http://director.example.com/graphql"
    status = await hub.sync()
    assert "SynchronizationFailed" == status["connectionState"]
    assert "is no https address" in status["synchronizationStatus"]["error"]


async def test_a_key_that_is_broken_is_said_and_a_new_token_heals(hub: Hub) -> None:
    """Somebody changed the Secret: the hub says what to do."""
    before = (await hub.paired())["connectionStatus"]["certificateStatus"]
    values = await hub.secret("cluster-client-certificates") | {"key": "no key"}
    document = {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cluster-client-certificates"}, "stringData": values,
    }  # fmt: skip
    await hub.session.ask(subjects.SECRETS, "apply", {"document": document, "scope": SCOPE})
    status = await hub.sync()
    assert "ConnectionMaintenanceFailed" == status["connectionState"]
    assert "pair with a new token" in status["connectionStatus"]["error"]
    assert before == status["connectionStatus"]["certificateStatus"]
    await hub.paired()
