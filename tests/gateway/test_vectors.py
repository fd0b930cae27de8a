"""Upstream's own cases of paths, repeated calls, locations and look-ups, as data; and those of our own beside them."""

import json
from pathlib import Path
from typing import Any

import pytest

from hub.gateway.lookup import find
from hub.gateway.model import Api, Names, Place, Url
from hub.gateway.rewriting import to_caller
from hub.kernel.errors import HubError
from tests.gateway.conftest import Gateway, service
from tests.gateway.targets import Say, Seen, Targets

VECTORS = Path(__file__).parent / "vectors"
PATHS = json.loads((VECTORS / "t9_paths.json").read_text())
REPEATS = json.loads((VECTORS / "t9_repeats.json").read_text())
LOCATIONS = json.loads((VECTORS / "t10_locations.json").read_text())
LOOKUP = json.loads((VECTORS / "t11_lookup.json").read_text())
HTTPBIN = Api(Names("app", "service"), Url(Place("https", "httpbin.org", 443), b"/api/v1"))


async def test_the_target_sees_the_path_and_query_that_were_meant(gateway: Gateway, targets: Targets) -> None:
    """Names are taken off, the rest goes to the target as it came, or encoded anew where the Application says so."""
    target = await targets.serve()
    for case in PATHS:
        entry: dict[str, Any] = {}
        if "parameters" in case:
            await gateway.secret("p", {name: json.dumps(value) for name, value in case["parameters"].items()})
            entry["requestParametersSecretName"] = "p"
        spec = {"encodeUrl": case["encodeUrl"]} if "encodeUrl" in case else {}
        await gateway.api(target.url + case.get("base", ""), spec=spec, **entry)

        reply = await gateway.call(case["path"], listener=case.get("listener", "gateway"))

        assert (case["name"], 200, case["sees"]) == (case["name"], reply.status, target.seen[-1].target)


@pytest.mark.parametrize("case", REPEATS, ids=lambda case: case["name"])
async def test_a_refused_call_is_repeated_once(gateway: Gateway, targets: Targets, case: dict[str, Any]) -> None:
    """401 and 403 are answered once more with the same body and cookies; the second answer counts, whatever it is."""
    answers = iter(case["answers"])
    target = await targets.serve(lambda seen: Say(status := next(answers), f"said {status}".encode()))
    await gateway.api(target.url)

    reply = await gateway.call("/app/service/x", "POST", {"Cookie": "mine=1"}, b"the body")

    said = case["answers"][case["calls"] - 1]
    assert (case["status"], f"said {said}".encode()) == (reply.status, reply.body)
    assert [("mine=1", b"the body")] * case["calls"] == [(seen.header("cookie"), seen.body) for seen in target.seen]
    assert (str(said) if said >= 500 else None) == reply.header("target-system-status")


@pytest.mark.parametrize("case", LOCATIONS, ids=lambda case: f"{case['status']} {case['location']}")
def test_a_location_at_the_same_api_leads_through_the_gateway(case: dict[str, Any]) -> None:
    """Same host name and below the API's path: it becomes a path at the gateway; everything else stays."""
    given = [(b"location", case["location"].encode())] if case["location"] else []

    status, headers = to_caller(case["status"], given, HTTPBIN, b"/api/v1/called")

    becomes = case["becomes"].encode() if case["becomes"] else None
    assert (case["status"], becomes) == (status, dict(headers).get(b"location"))


@pytest.mark.parametrize("case", LOOKUP["cases"], ids=lambda case: f"{case['service']}/{case.get('entry', '')}")
def test_names_lead_to_one_api_or_to_none(case: dict[str, Any]) -> None:
    """Normalised display names and entry names find an API; none is 404, several or a Service without one 400."""
    spec = {"services": [service(each["displayName"], *each["entries"]) for each in LOOKUP["services"]]}
    names = Names("app", case["service"], case.get("entry"))

    if "target" in case:
        assert case["target"] == find(spec, names)[1]["targetUrl"]
    else:
        with pytest.raises(HubError) as refusal:
            find(spec, names)
        assert case["status"] == refusal.value.status
        assert case["error"] in refusal.value.detail


@pytest.mark.parametrize("path", ["/", "/app", "/app/", "//service", "/app//x"])
async def test_a_path_without_names_is_refused(gateway: Gateway, path: str) -> None:
    """400 in upstream's shape."""
    reply = await gateway.call(path)

    assert (400, 400) == (reply.status, reply.json["code"])
    assert "failed to extract API Identifier from path" in reply.json["error"]
    assert reply.header("content-type") == "application/json;charset=UTF-8"
    assert reply.body.endswith(b"\n")


@pytest.mark.parametrize(
    "path", ["/..", "/a/../../b", "/%2e%2E/x", "/.%2e", "/a%2f..%2f..%2fx", "/..;x/y", "/a/..\\..\\x"]
)
@pytest.mark.parametrize("encode", [True, False])
async def test_a_path_cannot_climb_out_of_its_api(gateway: Gateway, targets: Targets, path: str, encode: bool) -> None:
    """The credentials of an API open this API only, not its neighbours on the same host."""
    target = await targets.serve()
    await gateway.api(f"{target.url}/api/v1", spec={"encodeUrl": encode})

    reply = await gateway.call(f"/app/service{path}")

    assert (400, []) == (reply.status, target.seen)


async def test_headers_of_callers_and_registration_meet(gateway: Gateway, targets: Targets) -> None:
    """All values of the caller's headers and of the registered ones arrive; the caller's own name wins."""
    target = await targets.serve()
    registered = {"X-Custom1": ["a"], "X-Custom2": ["b", "c"], "X-Mine": ["theirs"]}
    await gateway.secret("p", {"headers": json.dumps(registered)})
    await gateway.api(target.url, requestParametersSecretName="p")

    await gateway.call(headers={"X-Request1": "1", "x-request2": "2", "X-MINE": "mine"})

    seen: Seen = target.seen[0]
    assert [["1"], ["2"], ["a"], ["b", "c"], ["mine"]] == [
        seen.all(name) for name in ("x-request1", "x-request2", "x-custom1", "x-custom2", "x-mine")
    ]
