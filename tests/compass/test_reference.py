"""What upstream's own tests assert of its agent from end to end: the reference Application, Secrets, labels."""

import json
from typing import Any

import pytest

from tests.compass.conftest import Hub
from tests.doubles.compass.serving import Fault
from tests.doubles.compass.world import Node, api, basic, bundle, event, spec

BUNDLE = "e4148ee9-79c0-4d81-863c-311f32aeed9b"
PARAMETERS: Node = {"additionalHeaders": {"h": ["1"]}, "additionalQueryParams": {"q": ["2"]}}
EVENTS, CONSOLE = "runtime_eventServiceUrl", "runtime_consoleUrl"
RIGHT = {EVENTS: "https://gateway.hub.test", CONSOLE: "https://console.hub.test"}


async def test_an_application_is_the_reference_one_until_it_goes(hub: Hub) -> None:
    """Each member as upstream's; a changed description comes in, and out of the formation it is removed."""
    world = hub.compass.world
    comments = api("comments-v1", "http://mywordpress.com/comments")
    shop = world.application(
        "app1", bundle("bndl-app-1", apis=[comments], description="Foo bar", id=BUNDLE), description="Test"
    )
    await hub.paired()
    found = await hub.application("mp-app1")
    (service,) = found.spec["services"]
    (entry,) = service["entries"]
    assert {"applicationconnector.kyma-project.io/managed-by": "compass-runtime-agent"} == found.labels
    assert ("Test", {"connected-app": "mp-app1"}, False) == (
        found.spec["description"], found.spec["labels"], found.spec["skipVerify"]
    )  # fmt: skip
    assert {"applicationId": shop.id, "authentication": {"clientIds": []}} == found.spec["compassMetadata"]
    wanted = {
        "id": BUNDLE, "identifier": "", "name": "bndl-app-1-0d79e", "displayName": "bndl-app-1",
        "description": "Foo bar",
    }  # fmt: skip
    assert wanted == {name: service[name] for name in wanted} and "authCreateParameterSchema" not in service
    assert {"type": "API", "id": comments["id"], "name": "comments-v1", "specificationUrl": ""}.items() <= entry.items()
    assert "http://mywordpress.com/comments" == entry["targetUrl"]
    assert {"type": "", "secretName": ""} == {"type": "", "secretName": ""} | entry.get("credentials", {})
    shop.description = "Changed"
    world.changed()
    await hub.sync()
    assert "Changed" == (await hub.application("mp-app1")).spec["description"]
    world.unassign(shop.id, "default")
    world.remove(shop)
    await hub.sync()
    assert {} == await hub.applications()


async def test_definitions_come_into_a_bundle_and_go(hub: Hub) -> None:
    """APIs before events, in the Director's order; the last one gone leaves a Service without entries."""
    orders, seen = bundle("orders", apis=[api("a")]), []
    hub.compass.world.application("shop", orders)
    await hub.paired()
    one, two = api("b"), event("e")
    for member, change in (("apis", one), ("events", two), ("apis", None), ("events", None)):
        orders[member] = [] if change is None else [*orders[member], change]
        hub.compass.world.changed()
        await hub.sync()
        (service,) = (await hub.application("mp-shop")).spec["services"]
        seen.append([entry["name"] for entry in service["entries"]])
    assert [["a", "b"], ["a", "b", "e"], ["e"], []] == seen


async def test_specifications_of_every_format_are_kept(hub: Hub) -> None:
    """JSON and XML as they are, YAML as JSON; XML of OData makes the API one of OData."""
    described = {"openapi": "3.0.0", "info": {"title": "x", "version": "1"}, "paths": {}}
    metadata = '<?xml version="1.0"?><edmx:Edmx xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx"/>'
    apis = [
        api("json", spec=spec("OPEN_API", json.dumps(described))),
        api("yaml", spec=spec("OPEN_API", "openapi: 3.0.0\ninfo: {title: x, version: '1'}\npaths: {}\n", "YAML")),
        api("xml", spec=spec("ODATA", metadata, "XML")),
    ]
    orders = bundle("orders", apis=apis)
    hub.compass.world.application("shop", orders)
    await hub.paired()
    found = await hub.application("mp-shop")
    kept = [found.status["services"][f"{orders['id']}/{each['id']}"]["specs"] for each in apis]
    assert [["openapi"], ["openapi"], ["odata"]] == [list(each) for each in kept]
    assert len(metadata) == kept[2]["odata"]["bytes"]
    assert "odata" == found.spec["services"][0]["entries"][2]["apiType"]


async def test_secrets_are_those_of_the_bundles_that_have_credentials(hub: Hub) -> None:
    """One update takes away what a bundle lost and what a bundle had that is gone; parameters alone are one Secret."""
    world = hub.compass.world
    second = bundle("2", id="bundle2", apis=[api("a")], auth=basic() | PARAMETERS)
    fifth = bundle("5", id="bundle5", apis=[api("a")], auth=basic() | PARAMETERS)
    shop = world.application("name1", second, fifth)
    await hub.paired()
    each = {f"mp-name1-bundle{number}" for number in (2, 5)}
    assert each | {f"params-{name}" for name in each} == await hub.secrets()
    second["defaultInstanceAuth"] = None
    shop.bundles[1:] = [
        bundle("1", id="bundle1", apis=[api("a")], auth=basic()),
        bundle("3", id="bundle3", apis=[api("a")], auth={"credential": None} | PARAMETERS),
        bundle("4", id="bundle4", apis=[api("a")], auth={"credential": None}),
    ]
    world.changed()
    status = await hub.sync()
    assert (1, 0, 0) == tuple(status["applications"][name] for name in ("updated", "created", "removed"))
    assert {"mp-name1-bundle1", "params-mp-name1-bundle3"} == await hub.secrets()


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({}, {EVENTS, CONSOLE}),
        (RIGHT, set()),
        ({EVENTS: "https://other", CONSOLE: "https://other"}, {EVENTS, CONSOLE}),
        ({EVENTS: RIGHT[EVENTS]}, {CONSOLE}),
    ],
    ids=["none", "equal", "different", "one"],
)
async def test_the_director_hears_what_it_does_not_know(hub: Hub, labels: dict[str, str], told: set[str]) -> None:
    """A label that is right is not set again."""
    hub.runtime.labels.update(labels)
    hub.compass.world.changed()
    await hub.paired()
    assert len(told) == len(hub.sent("mutation SetLabel"))
    assert RIGHT == {name: hub.runtime.labels[name] for name in RIGHT}


async def test_labels_that_are_null_are_none(hub: Hub) -> None:
    """The Director says null for a Runtime without labels; that is no error."""

    def without(answer: dict[str, Any]) -> None:
        answer["data"]["runtime"]["labels"] = None

    hub.compass.faults.append(Fault("Listing", change=without, times=1000))
    hub.compass.world.application("My App")
    status = await hub.paired()
    assert "error" not in status["synchronizationStatus"]
    assert ["mp-my-app"] == list(await hub.applications())
