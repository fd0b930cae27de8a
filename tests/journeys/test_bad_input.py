"""What bad input gets from a real hub over mutual TLS: status, reason, nothing stored, and a hub that goes on."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.journeys.conftest import House, Solution
from tests.up.conftest import until

BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "shop", "ce-type": "order.created.v1"}
JSON = {"content-type": "application/json"}
STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
LEGACY = {"event-type": "order.created", "event-type-version": "v1", "event-time": "2030-01-01T00:00:00Z", "data": {}}
EVENT = {"specversion": "1.0", "id": "2", "source": "shop", "type": "order.created.v1", "data": {}}
SERVICE = {"provider": "Me", "name": "Orders", "description": "Orders."}
SERVICES = "/shop/v1/metadata/services"
LIMIT = 65536
DOORS = ["/shop/events", "/shop/v2/events", "/shop/v1/events"]

FUNCTION = """
apiVersion: serverless.kyma-project.io/v1alpha2
kind: Function
metadata: {name: broken}
spec:
  runtime: python312
  source:
    inline:
      source: |
        def main(event, context):
            return (
        x = 1
"""


@pytest.fixture
def shop(solution: Solution) -> httpx.Client:
    """Return the solution 'shop', paired; 'other' is there as well."""
    solution("other")
    return solution("shop")


@pytest.fixture(scope="module", autouse=True)
def whole(house: House) -> Iterator[None]:
    """Check around the file: no resource came into being or changed but the two solutions, no process restarted."""
    yield
    assert ["other", "shop"] == [each["metadata"]["name"] for each in items(house, "applications")]
    assert [] == [*items(house, "functions"), *items(house, "subscriptions")]
    assert all(each.get("services", []) == [] for each in (app["spec"] for app in items(house, "applications")))
    state = house.running.state()
    assert ("ready", 0) == (state["state"], sum(each["restarts"] for each in state["processes"]))


def items(house: House, kind: str) -> list[dict[str, Any]]:
    """Return the resources of a kind."""
    listed: list[dict[str, Any]] = house.answer("get", kind)["items"]
    return listed


@pytest.fixture
def unharmed(shop: httpx.Client) -> Iterator[None]:
    """Check around a test: nothing was stored, so the next good event gets the next position."""
    position = posted(shop, "before")
    yield
    assert position + 1 == posted(shop, "after")


COUNTED = iter(range(10**6))


def posted(shop: httpx.Client, name: str) -> int:
    """Post a good event; return its position in the stream."""
    answer = shop.post("/shop/events", headers=BINARY | JSON | {"ce-id": f"{name} {next(COUNTED)}"}, content=b"{}")
    assert answer.status_code == 204, answer.text
    return int(answer.headers["hub-sequence"])


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("path", ["/nobody/events", "/nobody/v1/events", "/nobody/v1/metadata/services", "/shop/no"])
def test_an_unknown_path_is_404(shop: httpx.Client, path: str) -> None:
    """An application that is not registered, and a path that does not exist."""
    answer = shop.post(path, headers=BINARY | JSON, content=b"{}")
    assert answer.status_code == 404, answer.text
    assert reason_of(answer)


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("path", [*DOORS, SERVICES])
def test_another_applications_certificate_is_403(solution: Solution, path: str) -> None:
    """The certificate of 'other' opens none of the doors of 'shop'."""
    answer = solution("other").post(path, headers=BINARY | JSON, content=b"{}")
    assert answer.status_code == 403
    assert "other" in reason_of(answer)


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("path", [*DOORS, SERVICES])
def test_no_certificate_is_401(stranger: httpx.Client, path: str) -> None:
    """The handshake succeeds, for pairing needs it; the door stays shut."""
    answer = stranger.post(path, headers=BINARY | JSON, content=b"{}")
    assert answer.status_code == 401
    assert "certificate" in reason_of(answer)


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/shop/events", STRUCTURED), ("/shop/v2/events", STRUCTURED), ("/shop/events", BATCH),
        ("/shop/events", BINARY | JSON), ("/shop/v1/events", JSON), (SERVICES, JSON),
    ],
)  # fmt: skip
@pytest.mark.parametrize("body", [b'{"specversion": ', b"\xff\xfe", b'{"a": 1}}'], ids=["cut off", "no text", "more"])
def test_malformed_json_is_400(shop: httpx.Client, path: str, headers: dict[str, str], body: bytes) -> None:
    """Whichever surface, and whatever is wrong with the JSON."""
    answer = shop.post(path, headers=headers, content=body)
    assert answer.status_code == 400, answer.text
    assert reason_of(answer)


@pytest.mark.usefixtures("unharmed")
def test_a_batch_with_one_bad_event_stores_none(shop: httpx.Client) -> None:
    """All or nothing; the answer says which event."""
    good, bad = EVENT, {**EVENT, "id": ""}
    answer = shop.post("/shop/events", headers=BATCH, content=json.dumps([good, bad]))
    assert answer.status_code == 400 and "event 1" in answer.text


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
@pytest.mark.parametrize("path", DOORS)
def test_an_oversized_body_is_413(shop: httpx.Client, path: str, declared: bool) -> None:
    """One byte above the limit, whether its length is declared or not."""
    body = b'"' + b"x" * (LIMIT - 1) + b'"'
    content = body if declared else iter([body[:1000], body[1000:]])
    answer = shop.post(path, headers=BINARY | JSON, content=content)
    assert answer.status_code == 413, answer.text


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", DOORS)
def test_a_wrong_method_is_405_with_allow(shop: httpx.Client, method: str, path: str) -> None:
    """The answer names the methods that are possible."""
    answer = shop.request(method, path)
    assert answer.status_code == 405
    allowed = answer.headers["allow"].split(", ")
    assert "POST" in allowed and method not in allowed


@pytest.mark.usefixtures("unharmed")
def test_a_wrong_method_of_the_metadata_is_405_with_allow(shop: httpx.Client) -> None:
    """In upstream's shape."""
    answer = shop.patch(SERVICES)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("media", ["text/plain", "application/xml", "application/json"])
def test_a_wrong_content_type_is_415(shop: httpx.Client, media: str) -> None:
    """Neither an event in JSON nor attributes as headers: the answer says what to send."""
    answer = shop.post("/shop/events", headers={"content-type": media}, content=json.dumps(EVENT))
    assert answer.status_code == 415
    assert "application/cloudevents+json" in reason_of(answer)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("kind: Function", "kind: Funktion"), "Funktion"),
        (("v1alpha2", "v9"), "serverless.kyma-project.io/v9"),
        (("runtime:", "runTime:"), "spec.runTime"),
        (("inline:\n      source", "inline:\n      sauce"), "spec.source.inline.sauce"),
        (("spec:", "speck:"), "speck"),
        (("name: broken", "name: Br_ken"), "metadata.name"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused_with_the_path(house: House, change: tuple[str, str], said: str) -> None:
    """An unknown kind, version, field or an impossible name: the line says where it is; nothing is stored."""
    complaint = house.hub("apply", "-f", "-", stdin=FUNCTION.replace(*change), status=1)
    assert said in complaint
    assert [] == items(house, "functions")


def test_a_function_with_a_syntax_error_is_not_ready_and_says_where(house: House) -> None:
    """Ready is False, with the line and what Python says; the other Functions do not mind."""
    house.hub("apply", "-f", "-", stdin=FUNCTION)
    until(lambda: ready_of(house, "broken").get("status") == "False", limit_seconds=60)
    ready = ready_of(house, "broken")
    assert "handler.py" in ready["message"] and "line 2" in ready["message"], ready
    assert "never closed" in ready["message"]
    assert house.running.state()["state"] == "ready"
    house.hub("delete", "function", "broken")


def ready_of(house: House, name: str) -> dict[str, Any]:
    """Return the condition Ready of a Function."""
    conditions = house.answer("get", "function", name).get("status", {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == "Ready"), {})


def reason_of(answer: httpx.Response) -> str:
    """Return what the answer says in words, in whichever shape its surface has."""
    if "json" not in answer.headers["content-type"]:
        return answer.text
    body = answer.json()
    return str(body.get("detail") or body.get("error") or body.get("message"))
