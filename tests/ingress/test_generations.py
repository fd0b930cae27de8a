"""What older and newer posters of Kyma do: the 0.3 form, subscribed event types, webhook handshakes."""

from typing import Any

import httpx
import orjson
import pytest

from contracts import subjects
from hub.ingress.subscribed import events_info
from hub.kernel.broker import Bus
from hub.kernel.resource import RESOURCES, Resource
from hub.kernel.state import Bucket
from tests.ingress.conftest import EVENT, STRUCTURED, count_stored

SECOND = {
    "id": "31109198-4d69-4ae0-972d-76117f3748c8",
    "type": "order.created",
    "eventtypeversion": "v1",
    "time": "2020-01-01T00:00:00Z",
    "specversion": "0.3",
    "data": {"total": 5},
}


async def test_the_0_3_form_is_answered_like_a_legacy_event(http: httpx.AsyncClient, bus: Bus) -> None:
    """200 with the id; stored as a CloudEvent of 1.0 with type and version in one name."""
    answer = await http.post("/shop/v2/events", json=SECOND)
    assert (answer.status_code, answer.json()["event-id"]) == (200, SECOND["id"])
    message = await bus.js.get_msg(subjects.EVENTS, int(answer.headers["hub-sequence"]))
    assert message.subject == "events.shop.order.created.v1"
    assert (message.headers or {})["ce-specversion"] == "1.0"


@pytest.mark.parametrize(
    ("change", "field", "kind"),
    [
        ({"id": ""}, "id", "missing_field"),
        ({"id": "7"}, "id", "invalid_field"),
        ({"type": ""}, "type", "missing_field"),
        ({"eventtypeversion": None}, "eventtypeversion", "missing_field"),
        ({"eventtypeversion": "!"}, "eventtypeversion", "invalid_field"),
        ({"time": "today"}, "time", "invalid_field"),
        ({"specversion": None}, "specversion", "invalid_field"),
        ({"specversion": "1.0"}, "specversion", "invalid_field"),
        ({"data": ""}, "data", "missing_field"),
        ({"id": "", "type": "", "data": None}, "id", "missing_field"),
        ({"id": "7", "time": "today"}, "time", "invalid_field"),
    ],
)
async def test_a_wrong_0_3_event_names_the_first_field(
    http: httpx.AsyncClient, bus: Bus, change: dict[str, Any], field: str, kind: str
) -> None:
    """In upstream's order of checks and shape of answer."""
    answer = await http.post("/shop/v2/events", json=SECOND | change)
    assert answer.status_code == 400
    detail = answer.json()["details"][0]
    assert (detail["field"], detail["type"]) == (field, kind)
    assert await count_stored(bus) == 0


async def test_cloudevents_at_the_same_path_stay_cloudevents(http: httpx.AsyncClient) -> None:
    """The content type decides, or the headers."""
    assert (await http.post("/shop/v2/events", headers=STRUCTURED, content=orjson.dumps(EVENT))).status_code == 204
    binary = {f"ce-{name}": str(EVENT[name]) for name in ("specversion", "id", "source", "type")}
    assert (await http.post("/shop/v2/events", headers=binary, content=b"x")).headers["hub-duplicate"] == "true"


def subscription(source: str, matching: str, *types: str) -> Resource:
    """Return a Subscription."""
    spec = {"source": source, "typeMatching": matching, "types": list(types)}
    document = {"apiVersion": "v", "kind": "Subscription", "metadata": {"name": "s", "namespace": "n"}, "spec": spec}
    return Resource.from_document(document)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (subscription("foovarkes", "standard", "order.created.v1", "order.created.v2"), ["v1", "v2"]),
        (subscription("diff-source", "standard", "order.created.v1"), []),
        (subscription("", "exact", "sap.kyma.custom.foovarkes.order.created.v1"), ["v1"]),
        (subscription("", "exact", "sap.kyma.custom.difffoovarkes.order.created.v1"), []),
        (
            subscription(
                "",
                "exact",
                "foo.prefix.custom.foovarkes.order.created.v1",
                "sap.kyma.custom.foovarkes.order.created.v2",
                "sap.kyma.custom.diffvarkes.order.created.v2",
            ),
            ["v2"],
        ),
    ],
)
def test_subscribed_types_are_those_of_the_application(asked: Resource, expected: list[str]) -> None:
    """By source, or by the name within a prefixed type."""
    told = events_info("foovarkes", [asked], "sap.kyma.custom")["eventsInfo"]
    assert told == [{"name": "order.created", "version": version} for version in expected]


def test_a_type_without_version_is_told_whole() -> None:
    """Upstream breaks the connection over it."""
    told = events_info("app", [subscription("", "exact", "sap.kyma.custom.app.v1")], "sap.kyma.custom")
    assert told == {"eventsInfo": [{"name": "v1", "version": ""}]}


async def test_the_edge_tells_what_is_subscribed(http: httpx.AsyncClient, bus: Bus) -> None:
    """Once per name and version, whatever the number of Subscriptions."""
    bucket = Bucket(bus.js, subjects.SUBSCRIPTIONS, RESOURCES)
    for name in ("a", "b"):
        await bucket.put(f"n.{name}", subscription("shop", "standard", "product.order.created.v1"))
    expected = {"eventsInfo": [{"name": "product.order.created", "version": "v1"}]}
    for _ in range(200):  # the view hears of them within moments
        answer = await http.get("/shop/v1/events/subscribed")
        if answer.json() == expected:
            break
    assert answer.json() == expected
    assert (await http.get("/other/v1/events/subscribed")).json() == {"eventsInfo": []}


async def test_a_webhook_sender_is_granted_what_it_asks_for(http: httpx.AsyncClient) -> None:
    """The origin comes back; without one there is nothing to grant."""
    granted = await http.options("/shop/events", headers={"WebHook-Request-Origin": "events.example.com"})
    assert granted.status_code == 200
    assert granted.headers["webhook-allowed-origin"] == "events.example.com"
    assert granted.headers["webhook-allowed-rate"] == "*"
    assert (await http.options("/shop/events")).status_code == 405
