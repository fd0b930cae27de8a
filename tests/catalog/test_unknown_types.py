"""Event types that are posted but in no catalog, and specifications that cannot be read: found, kept, forgotten."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from contracts import subjects
from contracts.catalog.findings import RefusedSpec, UnknownType, unknown_key
from contracts.catalog.v1 import EventTypesObserved, ObservedType
from hub.catalog.store import FINDINGS
from hub.ingress.expectations import UNKNOWN_LIMIT, Expectations
from hub.kernel.broker import Bus
from hub.kernel.state import Bucket
from hub.settings import HubSettings
from tests.catalog.conftest import Stage, until

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def findings(bus: Bus) -> Any:
    return Bucket(bus.js, subjects.CATALOG_FINDINGS, FINDINGS)


async def found(findings: Any, key: str, is_it: Callable[[Any], bool]) -> Any:
    """Wait until a finding is as expected."""
    entry: Any = None

    async def there() -> bool:
        nonlocal entry
        entry = await findings.get(key)
        return is_it(entry.value if entry else None)

    await until(there, f"{key} never came to be as expected")
    return entry.value if entry else None


def report(number: int, *types: str, last: datetime = NOW, reporter: str = "one") -> EventTypesObserved:
    observed = tuple(ObservedType(application="shop", type=name, count=3, last=last) for name in types)
    return EventTypesObserved(reporter=reporter, number=number, types=observed)


async def test_what_is_posted_but_unknown_is_counted(
    bus: Bus, running: Any, settings: HubSettings, findings: Any
) -> None:
    """Events are accepted all the same; the catalog learns of them within moments."""
    settings.ingress.unknown_report_seconds = 0.05
    process = await running(["ingress", "catalog"], ["internal"])
    async with httpx.AsyncClient(base_url=process.addresses()["internal"]) as http:
        for number in range(5):
            headers = {"ce-specversion": "1.0", "ce-id": str(number), "ce-source": "shop", "ce-type": "ordér.lost.v1"}
            assert (await http.post("/publish", headers={**headers, "ce-type": "ord%C3%A9r.lost.v1"})).is_success
    counted = await found(findings, unknown_key("shop", "ordér.lost.v1"), lambda it: it is not None and it.count == 5)
    assert (counted.application, counted.type) == ("shop", "ordér.lost.v1")
    assert timedelta(0) <= counted.last - counted.first < timedelta(seconds=30)


async def test_what_was_counted_is_reported_before_the_process_ends(
    bus: Bus, running: Any, settings: HubSettings, findings: Any
) -> None:
    """An orderly stop loses no count."""
    settings.ingress.unknown_report_seconds = 600
    await running(["catalog"])
    process = await running(["ingress"], ["internal"])
    async with httpx.AsyncClient(base_url=process.addresses()["internal"]) as http:
        headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "shop", "ce-type": "a.v1"}
        assert (await http.post("/publish", headers=headers)).is_success
    await process.stop()
    await found(findings, unknown_key("shop", "a.v1"), lambda it: it is not None and it.count == 1)


async def test_reports_of_several_processes_add_up_and_none_counts_twice(
    stage: Stage, running: Any, findings: Any
) -> None:
    """Messages are delivered at least once; the number of the report tells a repetition."""
    await running(["catalog"])
    for again in (report(1, "a.v1"), report(1, "a.v1"), report(2, "a.v1"), report(1, "a.v1", reporter="two")):
        await stage.announce(again)
    await stage.announce(report(3, "end.v1"))
    await found(findings, unknown_key("shop", "end.v1"), lambda it: it is not None)
    both = await found(findings, unknown_key("shop", "a.v1"), lambda it: it is not None and len(it.reports) == 2)
    assert both == UnknownType(
        application="shop", type="a.v1", count=9, first=NOW, last=NOW, reports={"one": 2, "two": 1}
    )


async def test_a_type_that_comes_into_the_catalog_is_unknown_no_longer(
    stage: Stage, running: Any, findings: Any
) -> None:
    """Registering it takes it off the list; a report that is late does not bring it back."""
    await running(["catalog"])
    await stage.announce(report(1, "a.v1"))
    await found(findings, unknown_key("shop", "a.v1"), lambda it: it is not None)
    await stage.store("shop", "1", {"asyncapi": "1.0.0", "topics": {"a.v1": {"subscribe": {}}}})
    await stage.register("shop", "1")
    await found(findings, unknown_key("shop", "a.v1"), lambda it: it is None)
    await stage.announce(report(2, "a.v1", "b.v1"))
    await found(findings, unknown_key("shop", "b.v1"), lambda it: it is not None)
    assert await findings.get(unknown_key("shop", "a.v1")) is None


async def test_what_nobody_posts_any_more_is_forgotten(stage: Stage, running: Any, findings: Any) -> None:
    """After the days that the setting says."""
    await running(["catalog"])
    await stage.announce(report(1, "old.v1", last=NOW - timedelta(days=31)))
    await found(findings, unknown_key("shop", "old.v1"), lambda it: it is not None)
    await stage.announce(report(2, "new.v1"))
    await found(findings, unknown_key("shop", "old.v1"), lambda it: it is None)
    await found(findings, unknown_key("shop", "new.v1"), lambda it: it is not None)


async def test_a_solution_that_invents_types_fills_no_store(
    stage: Stage, running: Any, findings: Any, settings: HubSettings
) -> None:
    """Only so many per Application; what is known goes on being counted."""
    settings.catalog.unknown_limit = 2
    await running(["catalog"])
    await stage.announce(report(1, "a.v1", "b.v1"))
    await found(findings, unknown_key("shop", "b.v1"), lambda it: it is not None)
    await stage.announce(report(2, "c.v1", "b.v1"))
    await found(findings, unknown_key("shop", "b.v1"), lambda it: it.count == 6)
    assert await findings.get(unknown_key("shop", "c.v1")) is None


def test_counting_is_bounded_between_reports() -> None:
    """A flood of names, or of long ones, is counted as a number."""
    expectations = Expectations("warn")
    expectations.miss(b"events.shop." + b"x" * 400)
    for number in range(UNKNOWN_LIMIT + 5):
        expectations.miss(b"events.shop.t%d" % number)
    expectations.miss(b"events.shop.t0")
    counted, further = expectations.take_missed()
    assert (len(counted), counted[b"events.shop.t0"], further) == (UNKNOWN_LIMIT, 2, 6)
    assert not any(len(subject) > 400 for subject in counted)
    assert expectations.take_missed() == ({}, 0)


@pytest.mark.parametrize(
    ("document", "detail", "place"),
    [
        ("{", "is not JSON", ""),
        ({"asyncapi": "9.0"}, "version is not supported", "/asyncapi"),
        ({"asyncapi": "2.0.0", "channels": {"a.v1": {"subscribe": {"message": {"payload": {"$ref": "http://x/y"}}}}}},
         "does not lead into the document", "/channels/a.v1 (payload)"),
    ],
    ids=["no JSON", "version", "outside"],
)  # fmt: skip
async def test_a_specification_that_cannot_be_read_is_found_and_healed(
    stage: Stage, running: Any, findings: Any, document: Any, detail: str, place: str
) -> None:
    """Whoever looks sees which Service, what and where; a corrected document takes the finding away."""
    await running(["catalog"])
    await stage.store("shop", "1", document)
    await stage.register("shop", "1")
    said = await found(findings, "refused.shop.1", lambda it: it is not None)
    assert isinstance(said, RefusedSpec)
    assert detail in said.detail
    assert place == said.place
    assert await stage.catalog() == {}
    await stage.store("shop", "1", {"asyncapi": "1.0.0", "topics": {"a.v1": {"subscribe": {}}}})
    await stage.register("shop", "1", "2")
    await found(findings, "refused.shop.1", lambda it: it is None)
    await stage.has("shop.a/v1")


async def test_a_finding_of_a_removed_application_goes_with_it(stage: Stage, running: Any, findings: Any) -> None:
    """Nothing is left of what is gone."""
    await running(["catalog"])
    await stage.store("shop", "1", "{")
    await stage.register("shop", "1")
    await found(findings, "refused.shop.1", lambda it: it is not None)
    await stage.applications.delete("cluster.shop")
    await found(findings, "refused.shop.1", lambda it: it is None)


async def test_many_reports_at_once_lose_nothing(stage: Stage, running: Any, findings: Any) -> None:
    """Two catalogs side by side count what many processes report."""
    await running(["catalog"])
    await running(["catalog"])
    await asyncio.gather(*(stage.announce(report(1, "a.v1", reporter=f"p{number}")) for number in range(12)))
    await found(findings, unknown_key("shop", "a.v1"), lambda it: it is not None and it.count == 36)
