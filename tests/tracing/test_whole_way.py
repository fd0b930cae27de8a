"""One trace from the posted event to the last delivery of what a Function made of it."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hub.kernel.resource import CLUSTER, RESOURCES, Resource
from hub.kernel.state import Bucket
from tests.commands.line import Line
from tests.functions.test_deployment import Hub as Functions
from tests.gateway.targets import Say, Seen, Target, Targets
from tests.tracing.conftest import Receiver, Traced, until

CANARY = "canary-7f3a"
SOURCES = {
    "python312": f"""
import os, urllib.request

def main(event, context):
    first = not os.path.exists("tried")
    open("tried", "w").close()
    if first:
        raise ValueError("{CANARY} of the event")
    urllib.request.urlopen(os.environ["GATEWAY_URL"] + "/app/service/items/{CANARY}?key={CANARY}").read()
    event.emitCloudEvent("order.paid.v1", "till", {{"card": "{CANARY}"}})
""",
    "nodejs22": f"""
const fs = require('node:fs');
const http = require('node:http');

module.exports = {{
  main: async (event) => {{
    const first = !fs.existsSync('tried');
    fs.writeFileSync('tried', '');
    if (first) throw new TypeError('{CANARY} of the event');
    await new Promise((done, failed) => {{
      const address = process.env.GATEWAY_URL + '/app/service/items/{CANARY}?key={CANARY}';
      http.get(address, (answer) => {{ answer.resume(); answer.on('end', done); }}).on('error', failed);
    }});
    await event.emitCloudEvent('order.paid.v1', 'till', {{ card: '{CANARY}' }});
  }},
}};
""",
}


async def register(hub: Traced, target: Target) -> None:
    """Register an API at the gateway."""
    entry = {"type": "API", "targetUrl": target.url, "name": "Entry"}
    service = {
        "id": "Service", "name": "Service", "displayName": "Service", "providerDisplayName": "", "description": "",
        "entries": [entry],
    }  # fmt: skip
    kind = ("applicationconnector.kyma-project.io/v1alpha1", "Application")
    made = Resource(*kind, "app", CLUSTER, {"services": [service]})
    await Bucket(hub.bus.js, "applications", RESOURCES).put(made.key, made)


def failing_once(answers: list[int]) -> Callable[[Seen], Say]:
    """Return a sink that answers 500 to its first request."""

    def answer(_seen: Seen) -> Say:
        answers.append(500 if not answers else 204)
        return Say(answers[-1], CANARY.encode())

    return answer


@pytest.fixture(params=list(SOURCES))
async def told(
    request: pytest.FixtureRequest, start: Callable[..., Awaitable[Traced]], targets: Targets, receiver: Receiver
) -> dict[str, Any]:
    """Post one event, wait for the last hop; return the hub, the target of the gateway and the second sink."""
    hub = await start(["ingress", "dispatch", "functions", "gateway"])
    api, sink = await targets.serve(), await targets.serve(failing_once([]))
    await register(hub, api)
    function = {
        "apiVersion": "serverless.kyma-project.io/v1alpha2",
        "kind": "Function",
        "metadata": {"name": "orders"},
        "spec": {"runtime": request.param, "source": {"inline": {"source": SOURCES[request.param]}}},
    }
    await hub.apply("functions", function)
    await Functions(hub.process, hub.bus, hub.settings).judged()
    await hub.subscribe("orders", "http://orders.default.svc.cluster.local", "shop", "order.created.v1")
    await hub.subscribe("paid", f"{sink.url}/?token={CANARY}", "default/orders", "order.paid.v1")
    assert (await hub.post("e-1", data={"card": CANARY})).status_code == 204
    await until(lambda: receiver.named("deliver event", subscription="default/paid", outcome="delivered"))
    return {"hub": hub, "api": api, "sink": sink}


async def test_one_trace_leads_from_the_post_to_the_last_delivery(told: dict[str, Any], receiver: Receiver) -> None:
    """Each hop is a span below the one that caused it; attempts lie side by side; failures say so."""
    first, second = receiver.named("deliver event", function="default/orders")
    failed, done = receiver.named("invoke function")
    (accepted,), (paid,) = (receiver.named("accept event", **{"source-id": who}) for who in ("shop", "default/orders"))
    (call,) = receiver.named("call api")
    refused, taken = receiver.named("deliver event", subscription="default/paid")

    assert {accepted["traceId"]} == {span["traceId"] for span in receiver.spans}
    parents = [span.get("parentSpanId") for span in (accepted, first, failed, second, done, call, paid, refused, taken)]
    ids = [span["spanId"] for span in (accepted, first, accepted, second, done, done, paid, paid)]
    assert [None, *ids] == parents

    assert all(int(span["startTimeUnixNano"]) < int(span["endTimeUnixNano"]) for span in receiver.spans)
    statuses = [span["status"].get("code", 0) for span in (accepted, first, failed, second, done, call, paid)]
    assert [0, 2, 2, 0, 0, 0, 0] == statuses
    assert [(2, "answered 500"), (0, None)] == [
        (span["status"].get("code", 0), span["status"].get("message")) for span in (refused, taken)
    ]
    about = {"event-id": "e-1", "source-id": "shop", "event-type": "order.created.v1"}
    for span in (accepted, first, failed, second, done):
        assert about.items() <= span["attributes"].items()
    assert {"application": "shop", "outcome": "stored"}.items() <= accepted["attributes"].items()
    assert {"application": "app", "service": "service", "status-code": 200}.items() <= call["attributes"].items()
    assert ("retry", "delivered") == tuple(span["attributes"]["outcome"] for span in (first, second))
    assert ("retry", 500) == tuple(refused["attributes"][name] for name in ("outcome", "status-code"))
    assert failed["status"]["message"].split()[0] in {"ValueError", "TypeError"}


async def test_targets_and_sinks_are_told_their_span(told: dict[str, Any], receiver: Receiver) -> None:
    """Whoever records on the other side goes on in the same tree."""
    (call,) = receiver.named("call api")
    attempts = receiver.named("deliver event", subscription="default/paid")
    assert f"00-{call['traceId']}-{call['spanId']}-01" == told["api"].seen[0].header("traceparent")
    expected = [f"00-{span['traceId']}-{span['spanId']}-01" for span in attempts]
    assert expected == [seen.header("traceparent") for seen in told["sink"].seen]


async def test_no_span_holds_data_or_a_secret(told: dict[str, Any], receiver: Receiver) -> None:
    """Data, texts of errors and answers, paths, queries and addresses stay out, here and in what is kept."""
    kept = await Line(told["hub"].settings)("trace", receiver.spans[0]["traceId"], "-o", "json")
    assert CANARY not in json.dumps(receiver.spans) and CANARY not in kept.out
    assert len(kept.json) == len(receiver.spans)


async def test_the_tree_is_shown_by_trace_and_by_event(told: dict[str, Any], receiver: Receiver) -> None:
    """Without a collector `hub trace` shows the same, indented by cause; `hub events show` names the trace."""
    hub = Line(told["hub"].settings)
    trace_id = receiver.spans[0]["traceId"]
    table = (await hub("trace", trace_id)).out
    assert table == (await hub("trace", "e-1")).out
    rows = table.splitlines()
    assert rows[0].split() == ["hop", "what", "process", "began", "took", "outcome"]
    depths = [len(row) - len(row.lstrip()) for row in rows[1:]]
    names = [" ".join(row.split()[:2]) for row in rows[1:]]
    begin = [(0, "accept event"), (2, "deliver event"), (4, "invoke function")]
    assert begin == list(zip(depths, names, strict=True))[:3]
    assert 8 in depths
    assert "retry 500" in table and "attempt 2" in table
    assert f"trace     {trace_id}\n" in (await hub("events", "show", "e-1")).out
    unknown = await hub("trace", "0" * 31 + "1")
    assert (unknown.status, "No span of trace" in unknown.err) == (1, True)
