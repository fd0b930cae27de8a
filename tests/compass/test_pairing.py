"""Pairing: from a token to a client certificate and a connection that says how it is."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from contracts import subjects
from tests.compass.conftest import Hub
from tests.doubles.compass.serving import Fault


async def test_a_token_becomes_a_certificate_and_the_hub_synchronizes(hub: Hub) -> None:
    """State, addresses and dates stand in the connection; certificate and key are sealed in a Secret."""
    hub.compass.world.application("shop")
    status = await hub.paired()
    connection = await hub.connection()
    assert connection["spec"]["managementInfo"] == {
        "directorUrl": hub.compass.secured_url("director"), "connectorUrl": hub.compass.secured_url("connector")
    }  # fmt: skip
    assert {"established", "lastSync", "lastSuccess", "certificateStatus"} <= status["connectionStatus"].keys()
    assert "error" not in status["connectionStatus"] and "error" not in status["synchronizationStatus"]
    assert "mp-shop" in await hub.applications()
    stored = await hub.secret("cluster-client-certificates")
    assert stored["crt"].startswith("-----BEGIN CERTIFICATE") and "RSA PRIVATE KEY" in stored["key"]
    assert [] == await hub.alerts()


async def test_the_token_goes_to_the_connector_only(hub: Hub) -> None:
    """Each token is presented once; calls by certificate carry the tenant and one request id, and no token."""
    await hub.paired()
    tokens = [headers["connector-token"] for _, _, headers in hub.compass.calls if "connector-token" in headers]
    assert 2 == len(tokens) == len(set(tokens))
    (director,) = hub.sent("query Listing")
    assert hub.runtime.tenant == director["tenant"] and "connector-token" not in director
    assert director["x-request-id"].startswith(f"{hub.runtime.id}_")
    assert 1 == len({headers["x-request-id"] for _, _, headers in hub.compass.calls})


async def test_no_secret_is_shown_or_logged(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the token nor the key stands in a status, an answer or a log line."""
    token = hub.compass.world.token_for("RUNTIME", hub.runtime.id, hub.runtime.tenant)
    hub.compass.faults.append(Fault("Configuration", "connector", change=lambda _answer: _error(f"bad {token}")))
    await hub.pair(TOKEN=token)
    await hub.state("ConnectionFailed")
    answer = await hub.session.ask(subjects.COMPASS_CONNECTIONS, "status", {})
    printed = capsys.readouterr()
    assert token not in str(answer) + printed.out + printed.err


def _error(message: str) -> dict[str, object]:
    return {"data": None, "errors": [{"message": message}]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"CONNECTOR_URL": ""}, "has no CONNECTOR_URL"),
        ({"RUNTIME_ID": ""}, "has no RUNTIME_ID"),
        ({"TOKEN": ""}, "has no TOKEN"),
        ({"TOKEN": "unknown"}, "Failed to authenticate request"),
        ({"CONNECTOR_URL": "https://localhost:1/connector/graphql"}, "localhost does not answer"),
        ({"CONNECTOR_URL": "http://compass.example.com/"}, "is no https address"),
    ],
    ids=["no-address", "no-runtime", "no-token", "unknown-token", "nobody-there", "in-the-clear"],
)
async def test_a_pairing_secret_that_cannot_work_is_said(hub: Hub, change: dict[str, str], said: str) -> None:
    """The state is ConnectionFailed and the error says what to do; nothing is stored."""
    await hub.pair(**change)
    status = await hub.state("ConnectionFailed")
    assert said in status["connectionStatus"]["error"]
    assert {} == await hub.secret("cluster-client-certificates")
    assert any(said in alert for alert in await hub.alerts())


async def test_a_used_token_is_said_and_a_new_one_heals(hub: Hub) -> None:
    """A failed pairing waits for a new Secret and then goes on at once."""
    token = hub.compass.world.token_for("RUNTIME", hub.runtime.id, hub.runtime.tenant)
    hub.compass.world.use_token(token)
    await hub.pair(TOKEN=token)
    await hub.state("ConnectionFailed")
    status = await hub.paired()
    assert "error" not in status["connectionStatus"]


async def test_an_outage_between_the_two_calls_costs_no_token(hub: Hub) -> None:
    """The first call used the token up; the second one is repeated with what the first one gave."""
    hub.compass.faults.append(Fault("signCertificate", "connector", status=503, body="busy", times=2))
    await hub.paired()
    presented = [headers for headers in hub.sent("query Configuration") if "connector-token" in headers]
    assert 1 == len(presented)


async def test_a_connector_that_refuses_to_sign_is_said(hub: Hub) -> None:
    """Nothing is stored and the token is used up: a new one heals."""
    refusal = _error("Error while signing Certificate Signing Request: CSR: Invalid country provided.")
    hub.compass.faults.append(Fault("signCertificate", "connector", change=lambda _answer: refusal))
    await hub.pair()
    status = await hub.state("ConnectionFailed")
    assert "Failed to retrieve certificate" in status["connectionStatus"]["error"]
    assert {} == await hub.secret("cluster-client-certificates")
    await hub.paired()


async def test_authorities_that_cannot_be_read_are_said(start: Callable[..., Awaitable[Hub]], tmp_path: Path) -> None:
    """Without them there is no client that could pair; the error names the setting."""
    hub = await start(ca_file=tmp_path / "none.pem")
    await hub.pair()
    status = await hub.state("ConnectionFailed")
    assert "HUB_COMPASS__CA_FILE" in status["connectionStatus"]["error"]


async def test_a_pairing_secret_that_lost_its_runtime_ends_synchronizing_only(hub: Hub) -> None:
    """The connection is good: its addresses stay, and with the Runtime back the same certificate goes on."""
    token = hub.compass.world.token_for("RUNTIME", hub.runtime.id, hub.runtime.tenant)
    await hub.pair(TOKEN=token)
    await hub.state("Synchronized")
    before = (await hub.connection())["spec"], await hub.secret("cluster-client-certificates")
    await hub.pair(TOKEN=token, RUNTIME_ID="")
    status = await hub.state("SynchronizationFailed")
    assert "Failed to read Runtime config" in status["synchronizationStatus"]["error"]
    assert "RUNTIME_ID" in status["synchronizationStatus"]["error"]
    await hub.pair(TOKEN=token)
    await hub.state("Synchronized")
    assert before == ((await hub.connection())["spec"], await hub.secret("cluster-client-certificates"))


async def test_a_certificate_for_another_runtime_is_refused(hub: Hub) -> None:
    """What the Connector issues must be for the subject it asked for; the hub does not go on as somebody else."""
    hub.compass.authority.names_instead = {"CN": "another"}
    await hub.pair()
    status = await hub.state("ConnectionFailed")
    assert "another Runtime" in status["connectionStatus"]["error"]
    assert {} == await hub.secret("cluster-client-certificates")


async def test_another_token_pairs_anew(hub: Hub) -> None:
    """A changed pairing Secret is what a person does who wants a new pairing."""
    await hub.paired()
    before = await hub.secret("cluster-client-certificates")
    await hub.paired()
    after = await hub.secret("cluster-client-certificates")
    assert before["crt"] != after["crt"]


async def test_the_same_token_does_not_pair_twice(hub: Hub) -> None:
    """Applying the Secret again with another label, or starting anew, keeps the certificate."""
    token = hub.compass.world.token_for("RUNTIME", hub.runtime.id, hub.runtime.tenant)
    await hub.pair(TOKEN=token)
    await hub.state("Synchronized")
    before = await hub.secret("cluster-client-certificates")
    await hub.sync()
    assert before == await hub.secret("cluster-client-certificates")


async def test_without_a_pairing_secret_the_hub_stands_alone(hub: Hub) -> None:
    """No connection, no alert, and a wish to synchronize is refused with what to do."""
    answer = await hub.session.ask(subjects.COMPASS_CONNECTIONS, "status", {})
    assert ("standalone", None, []) == (answer["mode"], answer["connection"], answer["alerts"])
    with pytest.raises(Exception, match="hub compass pair"):
        await hub.sync()


async def test_deleting_the_connection_and_a_used_token_end_with_the_certificate_there_is(hub: Hub) -> None:
    """Whoever deletes it asks for a new pairing; with a token that is used up the stored certificate goes on."""
    hub.compass.world.application("shop")
    await hub.paired()
    await hub.session.ask(subjects.COMPASS_CONNECTIONS, "delete", {"name": "compass-connection"})
    await hub.state("Synchronized")
    assert "mp-shop" in await hub.applications()


async def test_other_tenants_see_nothing(hub: Hub) -> None:
    """A tenant that is not the runtime's is refused by the Director, and said."""
    await hub.pair(TENANT="tenant-2")
    status = await hub.state("SynchronizationFailed")
    assert "Tenant not found" in status["synchronizationStatus"]["error"]


