"""What a killed registration leaves is removed, and nothing else is."""

import asyncio
import contextlib
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.kernel.errors import BrokerUnavailable
from hub.kernel.resource import Resource
from hub.registry.orphans import is_orphaned_secret, orphaned_documents
from hub.registry.sweeping import Pace, Sweeper
from tests.conftest import make_settings
from tests.registry.conftest import Registry, Run
from tests.registry.test_metadata_api import SERVICES, register
from tests.registry.test_whole_or_nothing import GUARDED

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
GRACE = timedelta(minutes=5)
ENTRY = {"type": "API", "credentials": {"type": "Basic", "secretName": "shop-1"}}
SHOP = Resource(
    "v1", "Application", "shop", "cluster", {"services": [{"id": "1", "entries": [ENTRY]}]},
    {"services": {"1": {"specs": {"openapi": {}}}}},
)  # fmt: skip


def secret(name: str, *, labels: dict[str, str] | None = None, minutes: float = 10) -> Resource:
    """Return a Secret of some age."""
    created = (NOW - timedelta(minutes=minutes)).isoformat()
    given = {"app": "shop", "serviceId": name.rpartition("-")[2]} if labels is None else labels
    return Resource("v1", "Secret", name, "kyma-system", {}, labels=given, created=created)


@pytest.mark.parametrize(
    ("found", "orphaned"),
    [
        (secret("shop-1"), False),
        (secret("shop-2"), True),
        (secret("params-shop-1"), True),
        (secret("shop-2", minutes=4), False),
        (secret("shop-2", labels={}), False),
        (secret("shop-2", labels={"app": "shop"}), False),
        (secret("own", labels={"app": "shop", "serviceId": "2"}), False),
        (secret("gone-2", labels={"app": "gone", "serviceId": "2"}), True),
    ],
    ids=["referred", "of no service", "not referred", "young", "an operator's", "half labelled", "own name", "no app"],
)
def test_a_secret_is_an_orphan_when_nothing_refers_to_it(found: Resource, orphaned: bool) -> None:
    """Only what registrations made, is old enough and belongs to no Service counts."""
    assert orphaned is is_orphaned_secret(found, {"shop": SHOP}, now=NOW, grace=GRACE)


def test_documents_that_no_service_speaks_of_are_orphans() -> None:
    """Objects of other rooms, whatever they are called, are left alone."""
    orphans = ["specs/shop/1/docs", "specs/shop/2/openapi", "specs/gone/1/docs"]
    names = ["specs/shop/1/openapi", *orphans, "functions/a/b/c", "specs/x"]
    assert orphans == orphaned_documents(names, {"shop": SHOP})


@pytest.mark.parametrize(("step", "documents"), [("document", 0), ("application", 2)])
async def test_a_registration_killed_half_way_leaves_nothing_in_the_end(
    registry: Registry, running: Run, tmp_path: Path, nats_url: str, step: str, documents: int
) -> None:
    """`kill -9` after the first write: the leftovers are swept, what is registered and what operators own stays."""
    own = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "own", "namespace": "kyma-system"}, "data": {}}
    await registry.apply(own)
    async with registry.client() as http:
        identifier = await register(http, GUARDED)
    kept = (sorted(await registry.secrets()), await registry.assets())

    words = ["-m", "tests.registry.half_registration", nats_url, str(tmp_path), step]
    killed = await asyncio.create_subprocess_exec(sys.executable, *words)
    assert await killed.wait() == -signal.SIGKILL
    left = (sorted(await registry.secrets()), await registry.assets())
    assert (len(left[0]) - len(kept[0]), len(left[1]) - len(kept[1])) == (1, documents)

    swift = {"sweep_seconds": 0.05, "orphan_seconds": 0.01}
    await running(["registry"], [], make_settings(tmp_path, nats_url, registry=swift))
    async with asyncio.timeout(10):
        while (sorted(await registry.secrets()), await registry.assets()) != kept:
            await asyncio.sleep(0.02)
    async with registry.client() as http:
        assert (await http.get(f"{SERVICES}/{identifier}")).json()["events"] == GUARDED["events"]


class Deaf:
    """A store whose first answer swallows a cancellation, as `asyncio.wait_for` may before Python 3.12."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    @property
    def secrets(self) -> "Deaf":
        """Return what is asked first in a sweep."""
        return self

    async def entries(self) -> list[Any]:
        """Answer when told to stop, once."""
        if self.asked.is_set():
            await asyncio.Event().wait()
        self.asked.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        raise BrokerUnavailable


async def test_a_sweep_that_does_not_hear_the_end_is_told_again() -> None:
    """The process stops, although the library took the cancellation for itself."""
    store = Deaf()
    sweeper = Sweeper(store, Pace(period_seconds=0.01, grace_seconds=1))  # type: ignore[arg-type]  # asked for one thing
    await sweeper.start()
    await store.asked.wait()
    ended, _ = await asyncio.wait([asyncio.create_task(sweeper.stop())], timeout=5)
    assert ended
