"""Synchronizing: the Director's applications, whole, become Applications; what is not Compass's is left alone."""

import json
from collections.abc import Awaitable, Callable

import pytest

from contracts import subjects
from tests.compass.conftest import Hub, until
from tests.doubles.compass import instances
from tests.doubles.compass.serving import Fault
from tests.doubles.compass.world import api, basic, bundle, certificate_oauth, csrf, event, oauth, spec

MANAGED = {"applicationconnector.kyma-project.io/managed-by": "compass-runtime-agent"}
OPENAPI = json.dumps({"openapi": "3.0.0", "info": {"title": "Orders", "version": "1"}, "paths": {}})
ASYNCAPI = json.dumps({
    "asyncapi": "2.6.0", "info": {"title": "Orders", "version": "1"},
    "channels": {"order.created.v1": {"subscribe": {"message": {"payload": {"type": "object"}}}}},
})  # fmt: skip


async def test_an_application_arrives_with_services_credentials_and_documents(hub: Hub) -> None:
    """As upstream's agent makes it; the documents of its definitions besides."""
    orders = bundle(
        "bndl-app-1", apis=[api("comments-v1", "http://mywordpress.com/comments", spec("OPEN_API", OPENAPI))],
        events=[event("orders", spec("ASYNC_API", ASYNCAPI))], auth=basic() | csrf(), description="Foo bar",
        id="e4148ee9-79c0-4d81-863c-311f32aeed9b",
    )  # fmt: skip
    made = hub.compass.world.application("app1", orders, description="App")
    await hub.paired()
    found = await hub.application("mp-app1")
    assert MANAGED == found.labels
    assert ("App", {"connected-app": "mp-app1"}) == (found.spec["description"], found.spec["labels"])
    assert made.id == found.spec["compassMetadata"]["applicationId"]
    (service,) = found.spec["services"]
    assert ("bndl-app-1-0d79e", "bndl-app-1", "Foo bar") == (
        service["name"], service["displayName"], service["description"]
    )  # fmt: skip
    entry = service["entries"][0]
    assert "http://mywordpress.com/comments" == entry["targetUrl"]
    assert entry["centralGatewayUrl"].endswith("/mp-app1/bndl-app-1/comments-v1")
    assert {"username": "user", "password": "passwd"} == await hub.secret(entry["credentials"]["secretName"])
    documents = found.status["services"][f"{orders['id']}/{entry['id']}"]["specs"]
    assert len(OPENAPI) == documents["openapi"]["bytes"]


async def test_every_kind_of_credentials_arrives_sealed_and_goes(hub: Hub) -> None:
    """None, Basic, OAuth, Basic with CSRF, headers and query parameters; then all of it is removed."""
    world = hub.compass.world
    parameters = {
        "credential": None, "additionalHeaders": {"h": ["1"]}, "additionalQueryParamsSerialized": '{"q": ["2", "3"]}'
    }  # fmt: skip
    bundles = [
        bundle("none", apis=[api("a")]), bundle("basic", apis=[api("a")], auth=basic()),
        bundle("oauth", apis=[api("a")], auth=oauth()), bundle("csrf", apis=[api("a")], auth=basic() | csrf()),
        bundle("parameters", apis=[api("a")], auth=parameters),
    ]  # fmt: skip
    app = world.application("shop", *bundles)
    await hub.paired()
    names = [f"mp-shop-{each['id']}" for each in bundles]
    assert {*names[1:4], f"params-mp-shop-{bundles[4]['id']}"} == await hub.secrets()
    assert {"clientId": "client", "clientSecret": "hush"} == await hub.secret(names[2])
    assert {"headers": '{"h":["1"]}', "queryParameters": '{"q":["2","3"]}'} == await hub.secret(
        f"params-mp-shop-{bundles[4]['id']}"
    )
    app.bundles.clear()
    world.changed()
    await hub.sync()
    assert set() == await hub.secrets() and [] == (await hub.application("mp-shop")).spec["services"]


async def test_changed_credentials_follow(hub: Hub) -> None:
    """None to OAuth, OAuth to Basic, Basic to none: the Secret is what the Director says now."""
    orders = bundle("orders", apis=[api("a")])
    hub.compass.world.application("shop", orders)
    await hub.paired()
    name, seen = f"mp-shop-{orders['id']}", []
    for auth in (oauth(), basic(), basic(password="other"), None):
        orders["defaultInstanceAuth"] = auth
        hub.compass.world.changed()
        await hub.sync()
        seen.append(sorted((await hub.secret(name)).items()))
    assert [[("clientId", "client"), ("clientSecret", "hush")], [("password", "passwd"), ("username", "user")],
            [("password", "other"), ("username", "user")], []] == seen  # fmt: skip


async def test_credentials_of_this_runtime_come_before_the_default(hub: Hub) -> None:
    """The Director answers those of the smallest id in the same field; another runtime's are not seen."""
    world, orders = hub.compass.world, bundle("orders", apis=[api("a")], auth=basic())
    world.application("shop", orders)
    for number, (owner, user) in enumerate([("other", "other"), (hub.runtime.id, "mine"), (hub.runtime.id, "later")]):
        instances.grant(world, orders["id"], owner, f"auth-{number}").auth = basic(user)
    await hub.paired()
    assert "mine" == (await hub.secret(f"mp-shop-{orders['id']}"))["username"]
    world.instance_auths.clear()
    world.changed()
    await hub.sync()
    assert "user" == (await hub.secret(f"mp-shop-{orders['id']}"))["username"]


async def test_changes_come_in_and_what_is_gone_goes(hub: Hub) -> None:
    """A description, an API more, an event less; an application that leaves the formation."""
    world = hub.compass.world
    orders = bundle("orders", apis=[api("a")], events=[event("e")])
    shop, _ = world.application("shop", orders), world.application("crm")
    other = world.application("erp")
    await hub.paired()
    shop.description = "changed"
    orders["apis"].append(api("b"))
    orders["events"].clear()
    world.unassign(other.id, "default")
    status = await hub.sync()
    found = await hub.applications()
    assert {"mp-shop", "mp-crm"} == found.keys()
    assert "changed" == found["mp-shop"].spec["description"]
    assert ["a", "b"] == [entry["name"] for entry in found["mp-shop"].spec["services"][0]["entries"]]
    assert {"created": 0, "updated": 1, "removed": 1, "unchanged": 1} == {
        name: status["applications"][name] for name in ("created", "updated", "removed", "unchanged")
    }


async def test_what_is_unchanged_is_not_written(hub: Hub) -> None:
    """Applications, Secrets and documents keep their revisions."""
    orders = bundle(
        "orders", apis=[api("a", spec=spec("OPEN_API", "openapi: 3.0.0\npaths: {}\n", "YAML"))], auth=basic()
    )
    hub.compass.world.application("shop", orders)
    await hub.paired()
    before = await hub.bus.js.stream_info("KV_applications"), await hub.bus.js.stream_info("KV_secrets")
    objects = await hub.bus.js.stream_info("OBJ_assets")
    status = await hub.sync()
    after = await hub.bus.js.stream_info("KV_applications"), await hub.bus.js.stream_info("KV_secrets")
    assert 1 == status["applications"]["unchanged"]
    assert [each.state.last_seq for each in before] == [each.state.last_seq for each in after]
    assert objects.state.last_seq == (await hub.bus.js.stream_info("OBJ_assets")).state.last_seq


async def test_applications_that_compass_does_not_manage_stay(hub: Hub) -> None:
    """One that the Director does not know and is Compass's goes; one without the label stays, whatever it holds."""
    metadata = {"applicationId": "gone", "authentication": {"clientIds": ["x"]}}
    await hub.apply_application("mine", {"services": [], "compassMetadata": metadata})
    await hub.apply_application("theirs", {"services": [], "compassMetadata": metadata}, labels=MANAGED)
    hub.compass.world.application("shop")
    await hub.paired()
    assert {"mine", "mp-shop"} == (await hub.applications()).keys()


async def test_a_name_that_is_taken_is_said_and_the_rest_proceeds(hub: Hub) -> None:
    """A standalone Application is never overwritten."""
    await hub.apply_application("mp-shop", {"services": [], "description": "mine"})
    hub.compass.world.application("shop")
    hub.compass.world.application("crm")
    status = await hub.paired()
    assert "mine" == (await hub.application("mp-shop")).spec["description"]
    (failure,) = status["applications"]["failures"]
    assert ("mp-shop", "create") == (failure["name"], failure["operation"])
    assert "mp-crm" in await hub.applications()
    assert any("mp-shop" in alert for alert in await hub.alerts())


async def test_labels_and_fields_of_operators_stay(hub: Hub) -> None:
    """What Compass does not know is not its business."""
    shop = hub.compass.world.application("shop")
    await hub.paired()
    found = await hub.application("mp-shop")
    own = found.spec | {"encodeUrl": False}
    await hub.apply_application("mp-shop", own, labels=MANAGED | {"team": "sales"}, annotations={"note": "x"})
    shop.description = "new"
    hub.compass.world.changed()
    await hub.sync()
    after = await hub.application("mp-shop")
    assert ("new", False) == (after.spec["description"], after.spec["encodeUrl"])
    assert ("sales", "x") == (after.labels["team"], after.annotations["note"])


@pytest.mark.parametrize("labels", [{}, {"isNormalized": "false"}, {"isNormalized": True}, {"isNormalized": "true"}])
async def test_names_are_normalised_here_unless_the_director_did(hub: Hub, labels: dict[str, object]) -> None:
    """Whatever the label says, the Application has one name."""
    hub.runtime.labels.clear()
    hub.runtime.labels.update(labels)
    hub.compass.world.application("My@Shop")
    await hub.paired()
    assert ["mp-my-shop"] == list(await hub.applications())


async def test_the_director_hears_where_the_hub_is_and_only_once(hub: Hub) -> None:
    """Both labels equal the settings; nothing is set that is right already."""
    await hub.paired()
    assert "https://gateway.hub.test" == hub.runtime.labels["runtime_eventServiceUrl"]
    assert "https://console.hub.test" == hub.runtime.labels["runtime_consoleUrl"]
    await hub.sync()
    assert 2 == len(hub.sent("mutation SetLabel"))
    del hub.runtime.labels["runtime_consoleUrl"]
    hub.compass.world.changed()
    await hub.sync()
    assert 3 == len(hub.sent("mutation SetLabel"))


async def test_labels_that_cannot_be_set_are_said_and_the_applications_are_here(hub: Hub) -> None:
    """They were taken over before; the state names the part that failed."""
    hub.compass.world.application("shop")
    refusal = {"data": None, "errors": [{"message": "no", "extensions": {"error_code": 22}}]}
    hub.compass.faults.append(Fault("SetLabel", change=lambda _answer: refusal, times=1000))
    await hub.pair()
    status = await hub.state("MetadataUpdateFailed")
    assert "Failed to reconcile Runtime labels" in status["synchronizationStatus"]["error"]
    assert "mp-shop" in await hub.applications()


async def test_each_problem_of_an_application_is_said_and_the_rest_of_it_is_here(hub: Hub) -> None:
    """Credentials of an unknown kind, a specification that is too large, YAML that is none."""
    hub.compass.world.application(
        "shop",
        bundle("unknown", apis=[api("a")], auth=certificate_oauth()),
        bundle("bad", apis=[api("b", spec=spec("OPEN_API", "a: [", "YAML"))]),
    )
    status = await hub.paired()
    (said,) = status["applications"]["problems"]
    assert "CertificateOAuthCredentialData" in said["problems"][0] and "not the YAML" in said["problems"][1]
    assert 2 == len((await hub.application("mp-shop")).spec["services"])


async def test_a_large_specification_is_kept_and_one_beyond_the_limit_is_said(
    start: Callable[..., Awaitable[Hub]],
) -> None:
    """3 MB pass beside the bus, which takes one; 20 MB are left out, and nothing else is."""
    hub = await start(answer_limit_bytes=64 * 1024 * 1024, specification_limit_bytes=4 * 1024 * 1024)
    fitting, huge = ('{"openapi": "3.0.0", "x": "' + "y" * size + '"}' for size in (3_000_000, 20_000_000))
    orders = bundle("o", apis=[api("a", spec=spec("OPEN_API", fitting)), api("b", spec=spec("OPEN_API", huge))])
    hub.compass.world.application("shop", orders)
    hub.compass.world.application("crm")
    status = await hub.paired()
    documents = (await hub.application("mp-shop")).status["services"]
    assert [f"{orders['id']}/{orders['apis'][0]['id']}"] == list(documents)
    assert "20000029 bytes" in status["applications"]["problems"][0]["problems"][0]
    assert "mp-crm" in await hub.applications()


async def test_pages_are_read_to_the_end_on_every_level(hub: Hub) -> None:
    """Applications, bundles, APIs and events: none of those on later pages is missing, and nothing is removed."""
    world = hub.compass.world
    many = bundle("many", apis=[api(f"a{number}") for number in range(7)], events=[event(f"e{n}") for n in range(5)])
    for number in range(9):
        world.application(f"app-{number}", *([bundle(f"b{n}") for n in range(6)] + [many] if number == 4 else []))
    world.page_cap = 2
    await hub.paired()
    found = await hub.applications()
    assert {f"mp-app-{number}" for number in range(9)} == found.keys()
    services = found["mp-app-4"].spec["services"]
    assert 7 == len(services)
    assert 12 == len(next(each for each in services if each["displayName"] == "many")["entries"])


async def test_a_preview_says_what_would_be_done_and_does_nothing(hub: Hub) -> None:
    """What is new, what differs and in which part, what would go."""
    world = hub.compass.world
    shop, gone = world.application("shop"), world.application("gone")
    await hub.paired()
    shop.description = "changed"
    world.remove(gone)
    world.application("new")
    said = await hub.session.ask(subjects.COMPASS_CONNECTIONS, "preview", {})
    assert (["mp-new"], ["mp-shop"], ["mp-gone"]) == (said["create"], said["update"], said["remove"])
    assert ["description"] == said["changes"]["mp-shop"]
    assert {"mp-shop", "mp-gone"} == (await hub.applications()).keys()


async def test_event_types_of_every_definition_come_into_the_catalog(start: Callable[..., Awaitable[Hub]]) -> None:
    """Two event definitions of one bundle have a document each; what is withdrawn there goes here."""
    hub = await start(("registry", "compass", "catalog"))
    other = ASYNCAPI.replace("order.created", "order.cancelled")
    events = [event("a", spec("ASYNC_API", ASYNCAPI)), event("b", spec("ASYNC_API", other))]
    orders = bundle("orders", events=events)
    hub.compass.world.application("shop", orders)
    await hub.paired()

    async def types() -> set[str]:
        found = await hub.bus.js.key_value("eventtypes")
        try:
            return {key.partition(".")[2] for key in await found.keys()}
        except Exception:
            return set()

    async def both() -> bool:
        return len(await types()) == 2

    await until(both)
    orders["events"].pop()
    hub.compass.world.changed()
    await hub.sync()

    async def one() -> bool:
        return len(await types()) == 1

    await until(one)


async def test_an_interval_brings_changes_by_itself(start: Callable[..., Awaitable[Hub]]) -> None:
    """Nobody has to ask."""
    hub = await start(interval_seconds=0.2)
    await hub.paired()
    hub.compass.world.application("shop")

    async def arrived() -> bool:
        return "mp-shop" in await hub.applications()

    await until(arrived)


async def test_several_processes_synchronize_one_at_a_time(
    start: Callable[..., Awaitable[Hub]], running: Callable[..., Awaitable[object]]
) -> None:
    """The second one waits for the lease, and takes over when the first one stops."""
    hub = await start(("registry", "compass"), lease_seconds=0.5, interval_seconds=0.2)
    await hub.paired()
    await running(["registry", "compass"], [], hub.settings)
    await hub.process.stop()
    hub.process.listeners.clear()
    hub.compass.world.application("shop")

    async def arrived() -> bool:
        return "mp-shop" in await hub.applications()

    await until(arrived)

