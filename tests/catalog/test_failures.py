"""The catalog while the event store or its own work fails: nothing is lost, nobody else waits."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from contracts import Contract, subjects
from contracts.catalog.v1 import EventTypePublished
from hub.catalog.handlers import Reconciler
from hub.catalog.settings import CatalogSettings
from hub.catalog.store import ENTRIES, FINDINGS, EventTypes, Findings, Specifications
from hub.kernel.broker import Bus
from hub.kernel.clock import SystemClock
from hub.kernel.errors import BrokerUnavailable
from hub.kernel.resource import RESOURCES
from hub.kernel.state import Bucket, View
from tests.catalog.conftest import Stage, until

DOCUMENT = {"asyncapi": "1.0.0", "topics": {"a.v1": {"subscribe": {}}}}


class Announcer:
    """Keeps what is announced; refuses as often as told, with the error told."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.said: list[Contract] = []
        self.refusals: list[Exception] = []

    async def publish(self, event: Contract) -> None:
        if self.refusals:
            raise self.refusals.pop()
        self.said.append(event)

    async def has_said(self, count: int) -> None:
        """Wait until so many events were announced."""

        async def enough() -> bool:
            return len(self.said) == count

        await until(enough, f"{count} events were not announced")


@pytest.fixture
def announcer() -> Announcer:
    return Announcer()


@pytest.fixture
async def reconciler(stage: Stage, bus: Bus, announcer: Announcer) -> AsyncIterator[Reconciler]:
    """Return a running reconciler that follows the test's buckets and retries within milliseconds."""
    applications = View(bus.js, subjects.APPLICATIONS, RESOURCES)
    entries = View(bus.js, subjects.EVENT_TYPES, ENTRIES)
    findings = View(bus.js, subjects.CATALOG_FINDINGS, FINDINGS)
    reconciler = Reconciler(
        CatalogSettings(retry_seconds=0.01, reconcile_seconds=60),
        EventTypes(stage.entries, entries),
        applications=applications,
        specifications=Specifications(stage.objects),
        findings=Findings(Bucket(bus.js, subjects.CATALOG_FINDINGS, FINDINGS), findings),
        house=announcer,
    )
    applications.on_change(lambda key, _resource: reconciler.mark(subjects.split_key(key)[1]))
    for view in (applications, entries, findings):
        view.start()
        await view.ready()
    await reconciler.start()
    yield reconciler
    await reconciler.stop()
    await asyncio.gather(*(view.stop() for view in (applications, entries, findings)))


@pytest.mark.usefixtures("reconciler")
async def test_what_could_not_be_announced_is_announced_later(stage: Stage, announcer: Announcer) -> None:
    """An event type that is stored already is still announced, once, when the event store answers again."""
    announcer.refusals = [BrokerUnavailable(), BrokerUnavailable()]
    await stage.store("shop", "1", DOCUMENT)
    await stage.register("shop", "1")
    await announcer.has_said(1)
    assert announcer.said == [EventTypePublished(application="shop", service_id="1", type="a.v1", name="a",
                                                 type_version="v1")]
    assert announcer.refusals == []


@pytest.mark.usefixtures("reconciler")
async def test_a_bug_met_with_one_application_leaves_the_others_working(stage: Stage, announcer: Announcer) -> None:
    """What fails unexpectedly is logged with its Application, and the next one has its turn."""
    announcer.refusals = [RuntimeError("unexpected")]
    await stage.store("shop", "1", DOCUMENT)
    await stage.store("desk", "1", DOCUMENT)
    with capture_logs() as logs:
        await stage.register("shop", "1")
        await stage.has("shop.a/v1")
        await stage.register("desk", "1")
        await announcer.has_said(2)
    bugs = [line for line in logs if line["event"] == "bug.caught"]
    assert [line["application"] for line in bugs] == ["shop"]


async def test_a_reconciler_that_never_started_can_be_stopped(bus: Bus, stage: Stage) -> None:
    """A process that fails while starting stops in order."""
    entries = View(bus.js, subjects.EVENT_TYPES, ENTRIES)
    findings = View(bus.js, subjects.CATALOG_FINDINGS, FINDINGS)
    reconciler = Reconciler(
        CatalogSettings(),
        EventTypes(stage.entries, entries),
        applications=View(bus.js, subjects.APPLICATIONS, RESOURCES),
        specifications=Specifications(stage.objects),
        findings=Findings(Bucket(bus.js, subjects.CATALOG_FINDINGS, FINDINGS), findings),
        house=Announcer(),
    )
    await reconciler.stop()
