"""`hub compass` as a process: what it prints, and how it ends."""

import json

import pytest

from tests.commands.line import Line
from tests.compass.conftest import Hub


@pytest.fixture
async def line(hub: Hub) -> Line:
    """Return the command line, leading to the hub."""
    return Line(hub.settings)


def pairing(hub: Hub) -> list[str]:
    """Return the arguments that pair a hub, without the token."""
    return [
        "compass", "pair", "--connector-url", hub.compass.connector_url, "--runtime-id", hub.runtime.id,
        "--tenant", hub.runtime.tenant,
    ]  # fmt: skip


def token(hub: Hub) -> str:
    """Return a new one-time token."""
    return hub.compass.world.token_for("RUNTIME", hub.runtime.id, hub.runtime.tenant)


async def test_the_whole_way_by_command(hub: Hub, line: Line) -> None:
    """Standalone, paired by a token from standard input, synchronized, looked at."""
    said = await line("compass", "status")
    assert (0, True) == (said.status, said.out.startswith("Standalone"))
    hub.compass.world.application("shop")
    secret = token(hub)
    said = await line(*pairing(hub), "--token", "-", stdin=f"{secret}\n")
    assert 0 == said.status and "Connected with Compass" in said.out and secret not in said.out + said.err
    hub.compass.world.application("crm")
    said = await line("compass", "diff")
    assert "create" in said.out and "mp-crm" in said.out and "2 applications at the Director, 1" in said.out
    assert said.out == (await line("compass", "sync", "--dry-run")).out
    said = await line("compass", "sync")
    assert (0, "Synchronized: 2 total, 1 created, 1 unchanged\n") == (said.status, said.out)
    said = await line("compass", "status")
    assert 0 == said.status and "Synchronized" in said.out and hub.runtime.id in said.out
    told = (await line("compass", "status", "-o", "json")).json
    assert ("compass", []) == (told["mode"], told["alerts"])


async def test_a_pairing_that_fails_ends_with_one_line(hub: Hub, line: Line) -> None:
    """The reason, exit status 1, and no token in it."""
    said = await line(*pairing(hub), "--token", "used-up-token")
    assert 1 == said.status and "Failed to authenticate" in said.err and "used-up-token" not in said.out + said.err
    said = await line("compass", "status")
    assert 1 == said.status and "ALERT" in said.out


async def test_a_refused_synchronization_ends_with_one(hub: Hub, line: Line) -> None:
    """Not connected: with what to do. Removals withheld: with the option that accepts them."""
    said = await line("compass", "sync")
    assert (1, True) == (said.status, "hub compass pair" in said.err)
    world = hub.compass.world
    made = [world.application(f"app-{number}") for number in range(3)]
    await hub.paired()
    for app in made:
        world.remove(app)
    said = await line("compass", "sync")
    assert 1 == said.status and "--accept-removals" in said.err
    said = await line("compass", "sync", "--accept-removals", "-o", "json")
    assert (0, 3) == (said.status, json.loads(said.out)["applications"]["removed"])


async def test_the_connection_is_a_resource_like_others(hub: Hub, line: Line) -> None:
    """Listed with its state, explained, and wishes are applied to it."""
    await hub.paired()
    said = await line("get", "compassconnections")
    assert "compass-connection" in said.out and "Synchronized" in said.out
    assert "resyncNow" in (await line("explain", "CompassConnection")).out
    wrong = "apiVersion: compass.kyma-project.io/v1alpha1\nkind: CompassConnection\nmetadata: {name: other}\nspec: {}\n"
    said = await line("apply", "-f", "-", stdin=wrong)
    assert 1 == said.status and "must be compass-connection" in said.out + said.err


