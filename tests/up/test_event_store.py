"""The embedded nats-server: private, supervised, always at the same address."""

import json
import socket
import stat
from pathlib import Path

import nats
import pytest
from nats.errors import Error as NatsError

from hub.up.client import RunningHub
from hub.up.plan import Nats
from tests.up.conftest import Start, plan_for, until


def connection(hub: RunningHub) -> dict[str, str]:
    """Return what workers read."""
    document: dict[str, str] = json.loads((hub.data_dir / "run/nats.json").read_text())
    return document


async def test_the_connection_file_leads_to_jetstream(start: Start) -> None:
    """URL and credentials in one file that only its owner can read."""
    hub = start()

    client = await nats.connect(connection(hub)["url"])
    await client.jetstream().add_stream(name="TRIAL", subjects=["trial"])
    await client.close()

    assert stat.S_IMODE((hub.data_dir / "run/nats.json").stat().st_mode) == 0o600
    assert hub.processes()["nats-server"]["pid"] == connection(hub)["pid"]


async def test_nobody_gets_in_without_credentials(start: Start) -> None:
    """Other users of the machine reach the port, but not the events."""
    url = connection(start())["url"]
    anonymous = "nats://" + url.rpartition("@")[2]

    with pytest.raises(NatsError, match="Authorization"):
        await nats.connect(anonymous, allow_reconnect=False, error_cb=_quiet)


def test_what_holds_credentials_is_private(start: Start) -> None:
    """Password and configuration are readable by their owner only, and in no log."""
    hub = start()
    password = connection(hub)["url"].split(":")[2].partition("@")[0]

    for path in (path for path in hub.data_dir.rglob("*") if path.is_file() and path.suffix != ".sock"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or path.name == "hub.log"
        if path.parent.name == "log" or path.name == "hub.json":
            assert password not in path.read_text()


def test_the_store_gets_none_of_the_hubs_settings(start: Start) -> None:
    """A master key in the environment is not for a program that is not ours."""
    hub = start(env={"HUB_KEYS__MASTER": "secret-of-the-hub"})

    environments = {
        name: Path(f"/proc/{process['pid']}/environ").read_text() for name, process in hub.processes().items()
    }
    assert "secret-of-the-hub" in environments["one"]
    assert "secret-of-the-hub" not in environments["nats-server"]


async def test_a_killed_store_comes_back_under_the_same_address_with_its_streams(start: Start) -> None:
    """Workers only have to reconnect; what was acknowledged is there."""
    hub = start()
    before = connection(hub)
    client = await nats.connect(before["url"])
    await client.jetstream().add_stream(name="TRIAL", subjects=["trial"])
    await client.jetstream().publish("trial", b"kept")
    workers = [hub.processes()[name]["pid"] for name in ("one", "two")]

    hub.kill("nats-server")
    until(lambda: hub.processes()["nats-server"]["restarts"] == 1)
    hub.wait_ready()

    assert before["url"] == connection(hub)["url"]
    assert before["pid"] != connection(hub)["pid"]
    assert workers == [hub.processes()[name]["pid"] for name in ("one", "two")]
    again = await nats.connect(before["url"])
    assert (await again.jetstream().get_msg("TRIAL", 1)).data == b"kept"
    await again.close()
    await client.close()


def test_port_and_password_are_kept_between_runs(start: Start) -> None:
    """A restart of the hub changes nothing for whoever kept the address."""
    hub = start()
    first = connection(hub)["url"]
    hub.stop()

    assert first == connection(start())["url"]


def test_a_kept_port_that_a_stranger_took_is_given_up(start: Start) -> None:
    """The hub starts all the same, under another port."""
    hub = start()
    port = int(connection(hub)["url"].rpartition(":")[2])
    hub.stop()

    with socket.create_server(("127.0.0.1", port)):
        assert port != int(connection(start())["url"].rpartition(":")[2])


def test_a_demanded_port_that_is_taken_is_refused(start: Start) -> None:
    """HUB_NATS__PORT is meant: no other port is taken silently."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        hub = start(ready=False, nats=Nats(port=port))
        status = hub._process.wait(15)

    assert status == 1
    assert f"Port {port} of the event store is taken" in hub.output.read_text()
    assert "HUB_NATS__PORT" in hub.output.read_text()


def test_a_data_directory_may_have_any_name(start: Start, tmp_path: Path) -> None:
    """Blanks, quotes, letters beyond ASCII, and a path too long for a Unix socket."""
    directory = tmp_path / ("a \"quoted\" and 'long' Verzeichnis für alles " + "x" * 80)

    hub = start(data_dir=directory)

    assert str(directory) == hub.state()["data_dir"]
    assert hub.stop() == 0


def test_with_a_store_of_ones_own_none_is_started(start: Start, nats_url: str) -> None:
    """HUB_NATS__URL: workers only; nothing about the embedded server is written."""
    hub = start(nats=None, env={"HUB_NATS__URL": nats_url})

    assert list(hub.processes()) == ["one", "two"]
    assert not (hub.data_dir / "run/nats.json").exists()


def test_always_synced_is_a_setting(start: Start) -> None:
    """The server accepts it."""
    hub = start(nats=Nats(sync="always"))

    assert 'sync_interval: "always"' in (hub.data_dir / "nats/nats-server.conf").read_text()
    assert plan_for(hub.data_dir).nats == Nats()


async def _quiet(_: Exception) -> None:
    """Say nothing about the refusal that the test expects."""
