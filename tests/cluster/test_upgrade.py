"""Workers of two neighbouring versions side by side, and restarts one after another: nobody outside notices.

There is no older release yet, so the newer one is made: a copy of the code whose contract events have grown, as they
may inside a version.
"""

import asyncio
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import ground
from tests.cluster.ground import ROOT, Hub, until
from tests.cluster.test_failures import PATHS, Load, assert_in_order, prepare

GROWN = {
    "contracts/application/v1.py": ("class ApplicationRegistered(Contract):", "class ApplicationChanged(Contract):"),
    "contracts/certificate/v1.py": ("class CertificateIssued(Contract):",),
    "contracts/catalog/v1.py": ("class EventTypesObserved(Contract):",),
    "contracts/delivery/v1.py": ("class EventDeadLettered(",),
}
"""Contract events that get a further member, and where they stand."""


@pytest.fixture
def newer(tmp_path: Path) -> Iterator[Path]:
    """Return the next version: each of these events says more, and nothing else has changed."""
    copy = tmp_path / "newer"
    for package in ("contracts", "hub"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Procfile", copy / "Procfile")
    for name, heads in GROWN.items():
        text = (copy / name).read_text()
        for head in heads:
            pattern = re.escape(head) + r".*?\n    contract_type: [^\n]*\n"
            assert re.search(pattern, text, flags=re.DOTALL), head
            member = '    written_by: str = Field("newer", description="""Which version wrote it.""")\n'
            text = re.sub(pattern, lambda found, member=member: found[0] + member, text, count=1, flags=re.DOTALL)
        (copy / name).write_text(text)
    yield copy


def contracts(command: str, version: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command about contracts in a version."""
    words = [sys.executable, "-P", "-m", "hub", "contracts", command]
    return subprocess.run(words, env={"PYTHONPATH": str(version)}, capture_output=True, text=True, check=False)


def test_a_version_may_grow_and_nothing_else(newer: Path) -> None:
    """What the next version adds is accepted and written; what it takes away is refused with the contract's name."""
    assert 1 == contracts("check", newer).returncode  # not written yet
    written = contracts("write", newer)
    assert 0 == written.returncode and "hub.application.v1.registered" in written.stdout, written.stderr
    assert 0 == contracts("check", newer).returncode
    grown = newer / "contracts" / "application" / "v1.py"
    grown.write_text(re.sub(r"    written_by: [^\n]*\n", "", grown.read_text()))
    shrunk = contracts("check", newer)
    assert 1 == shrunk.returncode
    assert re.search(r"hub\.application\.v1\.registered.*written_by", shrunk.stderr), shrunk.stderr


async def replace(hub: Hub, place: str, version: Path) -> None:
    """Restart the workers of a machine one after another with another version, as an upgrade does."""
    for worker in [worker for worker in hub.workers if worker.place == place]:
        await asyncio.to_thread(hub.end, [worker], signal.SIGTERM)
        assert 0 == worker.process.returncode, worker.log.read_text()[-2000:]
        hub.more["PYTHONPATH"] = str(version)
        started = hub.run(worker.kind, place)
        await until(lambda started=started: started.is_ready, 120, f"{worker.kind} of {place}")


async def test_an_upgrade_under_load_loses_nothing(tmp_path: Path, newer: Path) -> None:
    """Worker by worker and machine by machine, both versions side by side in between; order per key is kept."""
    async with ground.a_cluster(tmp_path, 1) as hub, ground.receiving() as receiver:
        await hub.start("a", "b")
        async with await prepare(hub, receiver) as shop:
            load = Load(shop)
            posting = asyncio.create_task(load.run())
            await until(lambda: all(len(receiver.ids(path)) > 5 for path in PATHS), what="the load")
            await replace(hub, "a", newer)
            await ground.post(shop, "unknown", kind="order.unheard.v1")  # contract events of both versions meet
            service = {"name": "Orders", "provider": "test", "description": "orders", "events": {"spec": ASYNCAPI}}
            assert 200 == (await shop.post("/shop/v1/metadata/services", json=service)).status_code
            await replace(hub, "b", newer)
            load.is_over = True
            await posting
            await until(lambda: not load.missing(receiver), 90, "the rest")
        limit = asyncio.get_running_loop().time() + 60
        while "order.created" not in await hub.ask("catalog", "list"):  # told by one version, read by the other
            assert asyncio.get_running_loop().time() < limit
        assert_in_order(receiver)
        again = {path: len(receiver.ids(path)) - len(set(receiver.ids(path))) for path in PATHS}
        print(f"{len(load.accepted)} accepted; delivered again: {again}")  # noqa: T201 - the figure
        for worker in hub.workers:
            assert "bug.caught" not in worker.log.read_text() and "contract" not in complaints(worker.log)
        assert [] == hub.nodes.violations()


def complaints(log: Path) -> str:
    """Return what a worker logged as given up."""
    return "\n".join(line for line in log.read_text().splitlines() if "message.dead_lettered" in line)


ASYNCAPI = {
    "asyncapi": "2.6.0", "info": {"title": "Orders", "version": "1"},
    "channels": {"order.created.v1": {"subscribe": {"message": {"payload": {"type": "object"}}}}},
}  # fmt: skip
