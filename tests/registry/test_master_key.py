"""The master key can be exchanged while the hub runs, and the exchange can be broken off at any moment."""

import asyncio
import base64
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from contracts import subjects
from hub.commands.secrets import exchange
from hub.commands.session import Session
from hub.kernel.broker import Bus
from hub.kernel.errors import Misconfigured, RevisionConflict, UpstreamUnavailable
from hub.kernel.keys import Keys, load_keys
from hub.kernel.masterkeys import KeyFile
from hub.kernel.resource import RESOURCES
from hub.kernel.settings import KeySettings
from hub.kernel.state import JSON, Bucket
from hub.registry import sealing
from hub.settings import HubSettings
from tests.conftest import make_settings
from tests.registry.conftest import Run

MANY = 300


def secret(number: int) -> dict[str, Any]:
    """Return a Secret document with a value that tells it from all others."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"s-{number}"}, "stringData": {"v": f"{number}"}}


async def ask(session: Session, bucket: str, verb: str, request: dict[str, Any]) -> dict[str, Any]:
    """Ask as the command line does, once the worker answers."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await session.ask(bucket, verb, request)
            except UpstreamUnavailable:
                await asyncio.sleep(0.02)


async def sealed_by(bus: Bus, keys: Keys) -> tuple[int, list[str]]:
    """Return how many Secrets the present key of some keys has sealed, and every value that opens."""
    bucket = Bucket(bus.js, subjects.SECRETS, RESOURCES)
    stored = [(await bucket.need(key)).value for key in await bucket.keys()]
    values = [sealing.texts(keys, each)["v"] for each in stored]
    return sum(sealing.is_current(keys, each) for each in stored), sorted(values, key=int)


async def authority_is_current(bus: Bus, keys: Keys) -> bool:
    """Tell whether the key of the hub's authority opens, and is sealed by the present master key."""
    kept = (await Bucket(bus.js, subjects.AUTHORITIES, JSON).need("hub")).value
    sealed = base64.b64decode(kept.get("key") or kept["generations"][0]["key"])
    assert b"PRIVATE KEY" in keys.open(sealed, "authorities/hub") or keys.open(sealed, "authorities/hub")
    return keys.is_current(sealed, "authorities/hub")


async def test_rotation_seals_everything_anew_and_drops_the_old_key(
    running: Run, bus: Bus, settings: HubSettings
) -> None:
    """Afterwards one key is left, it is another one, it opens every Secret and the authority; workers go on with it."""
    await running(["registry", "connector"])
    session = Session(settings, bus.nc, bus.js)
    for number in range(3):
        await ask(session, "secrets", "apply", {"document": secret(number)})
    file = KeyFile(settings.data_dir / "master.key")
    (before,) = file.read()

    count, _ = await exchange(session, 0)

    (after,) = file.read()
    assert before != after
    assert count == 4
    assert await sealed_by(bus, Keys(after)) == (3, ["0", "1", "2"])
    assert await authority_is_current(bus, Keys(after))
    await ask(session, "secrets", "apply", {"document": secret(3)})
    assert await sealed_by(bus, Keys(after)) == (4, ["0", "1", "2", "3"])
    assert file.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("source", ["environment", "command"])
async def test_a_key_from_elsewhere_is_exchanged_after_it_was_configured(
    running: Run, bus: Bus, tmp_path: Path, nats_url: str, source: str
) -> None:
    """With one key nothing happens and the text says what to do; with two everything is sealed by the first."""
    old, new = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))

    def configured(*keys: str) -> HubSettings:
        (tmp_path / "keys").write_text("\n".join(keys))
        from_where = {"environment": {"master": ",".join(keys)}, "command": {"command": f"cat {tmp_path / 'keys'}"}}
        return make_settings(tmp_path, nats_url, keys=from_where[source])

    first = await running(["registry", "connector"], [], configured(old))
    session = Session(configured(old), bus.nc, bus.js)
    await ask(session, "secrets", "apply", {"document": secret(1)})
    with pytest.raises(Misconfigured, match="put the new key before it"):
        await exchange(session, 0)
    both = Session(configured(new, old), bus.nc, bus.js)
    with pytest.raises(Misconfigured, match="restart the hub"):
        await exchange(both, 0)
    await first.stop()
    await running(["registry", "connector"], [], configured(new, old))
    await ask(both, "secrets", "delete", {"name": "s-1"})
    await ask(both, "secrets", "apply", {"document": secret(2)})

    await exchange(both, 0)

    assert await sealed_by(bus, Keys(base64.b64decode(new))) == (1, ["2"])
    assert await authority_is_current(bus, Keys(base64.b64decode(new)))
    assert not (tmp_path / "master.key").exists()


def test_a_command_that_fails_says_nothing_of_its_output() -> None:
    """What a command printed may be a key, so the refusal does not quote it."""
    settings = KeySettings(master=None, command="sh -c 'echo p4ss; exit 3'", file=None)
    with pytest.raises(Misconfigured) as refused:
        load_keys(settings, Path())
    assert "p4ss" not in str(refused.value)


async def test_two_exchanges_do_not_run_at_once(running: Run, bus: Bus, settings: HubSettings) -> None:
    """The second is refused, and the first ends well."""
    await running(["registry", "connector"])
    session = Session(settings, bus.nc, bus.js)
    await ask(session, "secrets", "apply", {"document": secret(1)})
    first = asyncio.create_task(exchange(session, 0.5))
    file = KeyFile(settings.data_dir / "master.key")
    await wait(lambda: len(file.read()) == 2)
    with pytest.raises(RevisionConflict):
        await exchange(session, 0)
    await first
    assert len(file.read()) == 1


async def wait(fact: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for a fact, with a limit."""
    async with asyncio.timeout(seconds):
        while not fact():
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def program(settings: HubSettings, url: str, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the command line as a process of its own, which is killed at the end."""
    env = os.environ | {"HUB_DATA_DIR": str(settings.data_dir), "HUB_NATS__URL": url, "HUB_METRICS__BASE_PORT": "0"}
    quiet = {"stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.DEVNULL}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "hub", *words, env=env, **quiet)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def test_killed_half_way_every_value_opens_and_the_exchange_can_be_finished(
    bus: Bus, settings: HubSettings, nats_url: str
) -> None:
    """Worker and command are killed while part of the values is sealed anew; a later exchange goes on from there."""
    session = Session(settings, bus.nc, bus.js)
    expected = [str(number) for number in range(MANY)]
    path = settings.data_dir / "master.key"
    bucket = Bucket(bus.js, subjects.SECRETS, RESOURCES)
    async with program(settings, nats_url, "run", "registry", "connector") as worker:
        for number in range(MANY):
            await ask(session, "secrets", "apply", {"document": secret(number)})
        old = Keys(*KeyFile(path).read())
        async with program(settings, nats_url, "secrets", "rotate"), asyncio.timeout(30):
            while sealing.is_current(old, (await bucket.need("default.s-0")).value):
                pass
            worker.send_signal(signal.SIGKILL)

    new, values = await sealed_by(bus, load_keys(settings.keys, settings.data_dir))
    assert values == expected
    assert 0 < new
    assert len(KeyFile(path).read()) == 2
    async with program(settings, nats_url, "run", "registry", "connector"):
        await ask(session, "secrets", "apply", {"document": secret(0)})
        await exchange(session, 0)
    assert await sealed_by(bus, Keys(*KeyFile(path).read())) == (MANY, expected)
    assert len(KeyFile(path).read()) == 1
