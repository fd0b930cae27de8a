"""The catalog as a room: what Applications register becomes event types, whatever is lost on the way."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from contracts import decode, encode
from contracts.application.v1 import ApplicationChanged, ApplicationRemoved
from contracts.catalog.v1 import EventTypeEntry, EventTypePublished, EventTypeWithdrawn
from hub.house import Running
from hub.settings import HubSettings
from tests.catalog.conftest import Stage, until

SCHEMA = {"type": "object", "required": ["code"]}
KEPT = {"$schema": "http://json-schema.org/draft-07/schema#", **SCHEMA}


def document(*types: str, **more: Any) -> dict[str, Any]:
    topics = {name: {"subscribe": {"summary": f"About {name}", "payload": SCHEMA}, **more} for name in types}
    return {"asyncapi": "1.0.0", "topics": topics}


async def registered(stage: Stage, running: Any, *types: str) -> None:
    """Register the Application `shop` with one Service, start the catalog and wait until it has seen all."""
    await stage.store("shop", "1", document(*types))
    await stage.register("shop", "1")
    await running(["catalog"])
    await stage.has(*(f"shop.{name.replace('.', '/')}" for name in types))
    await stage.hears(len(types))


async def test_what_was_registered_before_the_start_is_published(stage: Stage, running: Any) -> None:
    """A catalog that was away when an Application came finds it."""
    await stage.store("shop", "1", document("order.created.v1", **{"x-payload-check": "reject"}))
    await stage.register("shop", "1")
    await running(["catalog"])
    expected = EventTypeEntry(
        application="shop", service_id="1", type="order.created.v1", name="order.created", version="v1",
        summary="About order.created.v1", data_schema=KEPT, payload_check="reject",
    )  # fmt: skip
    (said,) = await stage.hears(1)
    assert await stage.catalog() == {"shop.order/created/v1": expected}
    assert said == EventTypePublished(
        application="shop", service_id="1", type="order.created.v1", name="order.created", type_version="v1",
        summary="About order.created.v1", has_schema=True, payload_check="reject", change="added",
    )  # fmt: skip


async def test_what_is_said_can_be_read_by_the_contract(stage: Stage, running: Any) -> None:
    """What the room publishes is what the contract says, byte for byte."""
    await registered(stage, running)
    await stage.store("shop", "1", document("a.v1"))
    await stage.announce(ApplicationChanged(application="shop", services=1))
    (said,) = await stage.hears(1)
    assert said == decode(said.contract_type, encode(said))


async def test_a_registration_while_it_runs_is_seen_without_an_announcement(stage: Stage, running: Any) -> None:
    """The watched bucket of Applications is enough; announcements are hints."""
    await running(["catalog"])
    await stage.store("shop", "1", document("a.v1"))
    await stage.register("shop", "1")
    await stage.has("shop.a/v1")


async def test_only_what_changed_is_published_and_withdrawn(stage: Stage, running: Any) -> None:
    """A new specification of an unchanged Application is announced; unchanged event types are not touched."""
    await registered(stage, running, "a.v1", "b.v1", "c.v1")
    changed = document("b.v1", "d.v1")
    changed["topics"]["a.v1"] = {"subscribe": {"summary": "Something else"}}
    await stage.store("shop", "1", changed)
    await stage.announce(ApplicationChanged(application="shop", services=1))
    said = await stage.hears(3)
    assert said[0] == EventTypeWithdrawn(application="shop", service_id="1", type="c.v1")
    published = {event.type: event.change for event in said[1:] if isinstance(event, EventTypePublished)}
    assert published == {"a.v1": "changed", "d.v1": "added"}
    await stage.has("shop.a/v1", "shop.b/v1", "shop.d/v1")


async def test_a_removed_application_loses_its_event_types(stage: Stage, running: Any) -> None:
    """Nothing is left of an Application that is gone; others keep what they offer."""
    await stage.store("desk", "9", document("a.v1"))
    await stage.register("desk", "9")
    await stage.store("shop", "1", document("a.v1"))
    await stage.register("shop", "1")
    await running(["catalog"])
    await stage.has("shop.a/v1", "desk.a/v1")
    await stage.applications.delete("cluster.shop")
    await stage.announce(ApplicationRemoved(application="shop", services=1))
    await stage.has("desk.a/v1")


async def test_an_application_that_went_while_it_was_away_loses_its_event_types(stage: Stage, running: Any) -> None:
    """A missed removal heals at the next start."""
    orphan = EventTypeEntry(application="gone", service_id="1", type="a.v1", name="a", version="v1")
    await stage.entries.put("gone.a/v1", orphan)
    await running(["catalog"])
    assert await stage.hears(1) == [EventTypeWithdrawn(application="gone", service_id="1", type="a.v1")]
    await stage.has()


@pytest.mark.parametrize("broken", ["{", '{"asyncapi": "9.0"}'], ids=["no JSON", "unknown version"])
async def test_a_document_that_cannot_be_read_changes_nothing(stage: Stage, running: Any, broken: str) -> None:
    """A mistake in a specification does not take the event types away; the log says once what is wrong."""
    await registered(stage, running, "a.v1")
    await stage.store("shop", "1", broken)
    await stage.store("shop", "2", document("b.v1"))
    with capture_logs() as logs:
        await stage.register("shop", "1", "2")
        await stage.has("shop.a/v1", "shop.b/v1")
        await stage.announce(ApplicationChanged(application="shop", services=2))
        await stage.store("shop", "2", document("c.v1"))
        await stage.announce(ApplicationChanged(application="shop", services=2))
        await stage.has("shop.a/v1", "shop.c/v1")
    refusals = [line for line in logs if line["event"] == "specification.refused"]
    assert [(line["application"], line["service"]) for line in refusals] == [("shop", "1")]


async def test_a_document_replaced_while_it_is_read_is_read_again(stage: Stage, running: Any) -> None:
    """A writer that is just faster stops neither this Application nor the others."""
    await stage.store("shop", "1", document("a.v1"))
    await stage.lose_bytes("shop", "1")
    await stage.register("shop", "1")
    await running(["catalog"])
    await stage.store("shop", "1", document("b.v1"))
    await stage.has("shop.b/v1")


async def test_an_event_type_of_two_services_belongs_to_the_first(stage: Stage, running: Any) -> None:
    """Two Services may repeat each other; when the first goes the second speaks for the event type."""
    await stage.store("shop", "1", document("a.v1"))
    await stage.store("shop", "2", document("a.v1"))
    await stage.register("shop", "1", "2")
    await running(["catalog"])
    await stage.has("shop.a/v1")
    assert (await stage.entries.need("shop.a/v1")).value.service_id == "1"
    await stage.register("shop", "2")

    async def taken_over() -> bool:
        return (await stage.entries.need("shop.a/v1")).value.service_id == "2"

    await until(taken_over, "the second Service did not take over")


async def test_a_service_without_a_stored_document_offers_nothing(stage: Stage, running: Any) -> None:
    """Events may be registered without a catalog."""
    await stage.store("shop", "2", document("a.v1"))
    await stage.register("shop", "1", "2")
    await running(["catalog"])
    await stage.has("shop.a/v1")


async def test_names_beyond_ascii_are_kept(stage: Stage, running: Any) -> None:
    """A key holds what a bucket takes, the entry holds the name."""
    await stage.store("shop", "1", document("größe geändert.v1"))
    await stage.register("shop", "1")
    await running(["catalog"])
    await stage.has("shop.gr=C3=B6=C3=9Fe=20ge=C3=A4ndert/v1")
    (entry,) = (await stage.catalog()).values()
    assert entry.type == "größe geändert.v1"


async def test_an_entry_that_somebody_else_removed_comes_back(stage: Stage, running: Any) -> None:
    """The catalog follows its own bucket, too."""
    await registered(stage, running, "a.v1")
    await stage.entries.delete("shop.a/v1")
    await stage.hears(1)
    await stage.has("shop.a/v1")


async def test_a_change_that_nobody_announced_is_found_by_the_clock(
    stage: Stage, running: Any, settings: HubSettings
) -> None:
    """A lost announcement heals within the period."""
    settings.catalog.reconcile_seconds = 0.05
    await registered(stage, running, "a.v1")
    await stage.store("shop", "1", document("b.v1"))
    await stage.has("shop.b/v1")


async def test_two_processes_publish_each_change_once(stage: Stage, running: Any, settings: HubSettings) -> None:
    """Side by side two catalogs do the work of one."""
    await stage.store("shop", "1", document(*(f"a{number}.v1" for number in range(20))))
    first: Running = await running(["catalog"])
    second: Running = await running(["catalog"])
    assert first is not second
    await stage.register("shop", "1")
    await stage.has(*(f"shop.a{number}/v1" for number in range(20)))
    await stage.store("shop", "1", document("last.v1"))
    await stage.announce(ApplicationChanged(application="shop", services=1))
    await stage.has("shop.last/v1")
    said = await stage.hears(41)
    assert sorted(event.type for event in said if isinstance(event, EventTypePublished)) == sorted(
        ["last.v1", *(f"a{number}.v1" for number in range(20))]
    )
