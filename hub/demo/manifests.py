"""What the demo applies and registers: Kyma manifests for the hub, an OpenAPI and an AsyncAPI document for the shop."""

from typing import Any

from hub.demo.events import APPLICATION, CAPTURED, CREATED, SENT, TYPES

SCOPE, FUNCTION = "default", "orders"
TO_FUNCTION, TO_SINK = "orders-to-function", "shop-to-sink"
# The sink that always answers 500 is to be given up soon; the Function must outlast the kills of `hub demo --kill`.
TO_SINK_DELIVERY = {"maxAttempts": 5, "timeout": "10s", "backoff": {"initial": "100ms", "max": "400ms"}}
TO_FUNCTION_DELIVERY = {"maxAttempts": 60, "timeout": "10s", "backoff": {"initial": "100ms", "max": "1s"}}

_HANDLER = '''import os
import urllib.request

direct = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))


def main(event, context):
    headers = {{"ce-id": event["ce-id"], "pid": str(os.getpid())}}
    report = urllib.request.Request("{sink}", data=b"", headers=headers, method="POST")
    with direct.open(report, timeout=5) as answer:
        if answer.read() == b"raise":
            raise RuntimeError("The demo raises twice, on purpose.")
    print("order seen", event["data"])
    return {{"seen": event["ce-id"]}}
'''


def application(name: str) -> dict[str, Any]:
    """Return an Application."""
    return {
        "apiVersion": "applicationconnector.kyma-project.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name},
        "spec": {"description": "A solution of the demo."},
    }


def function(sink_url: str) -> dict[str, Any]:
    """Return the Function, which reports every event to the demo's sink."""
    return {
        "apiVersion": "serverless.kyma-project.io/v1alpha2",
        "kind": "Function",
        "metadata": {"name": FUNCTION, "namespace": SCOPE},
        "spec": {"runtime": "python312", "source": {"inline": {"source": _HANDLER.format(sink=sink_url)}}},
    }


def subscriptions(sink_url: str) -> list[dict[str, Any]]:
    """Return the Subscriptions: one type to the Function, two to an HTTP sink."""
    to_function = f"http://{FUNCTION}.{SCOPE}.svc.cluster.local"
    return [
        _subscription(TO_FUNCTION, to_function, [CREATED], TO_FUNCTION_DELIVERY),
        _subscription(TO_SINK, sink_url, [CAPTURED, SENT], TO_SINK_DELIVERY),
    ]


def _subscription(name: str, sink: str, types: list[str], delivery: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "eventing.kyma-project.io/v1alpha2",
        "kind": "Subscription",
        "metadata": {"name": name, "namespace": SCOPE},
        "spec": {"source": APPLICATION, "typeMatching": "standard", "types": types, "sink": sink, "delivery": delivery},
    }


def services() -> list[dict[str, Any]]:
    """Return what the shop registers: an Orders API and its event catalog."""
    common = {"provider": "Demo"}
    api = {"targetUrl": "http://localhost:9/orders", "spec": _openapi()}
    orders = {"name": "Orders API", "description": "Reads orders.", "api": api}
    events = {"name": "Shop events", "description": "What happens in the shop.", "events": {"spec": asyncapi()}}
    return [common | orders, common | events]


def _openapi() -> dict[str, Any]:
    operation = {"summary": "List the orders.", "responses": {"200": {"description": "The orders."}}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "Orders", "version": "1"},
        "paths": {"/orders": {"get": operation}},
    }


def asyncapi() -> dict[str, Any]:
    """Return the event catalog: three types, the payload of one of them enforced."""
    amount = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number"}}}
    messages: dict[str, dict[str, Any]] = {name: {"payload": {"type": "object"}} for name in TYPES}
    messages[CAPTURED] = {"payload": amount, "x-payload-check": "reject"}
    channels = {name: {"subscribe": {"message": message}} for name, message in messages.items()}
    return {"asyncapi": "2.6.0", "info": {"title": "Shop events", "version": "1"}, "channels": channels}
