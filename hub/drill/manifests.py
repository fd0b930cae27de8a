"""What the drill applies to its hub: Kyma manifests, as anybody would. Pure."""

from typing import Any

from hub.demo.manifests import FUNCTION, SCOPE, application, function
from hub.drill.events import FILLER, HOARD, HOPELESS, INNER, INSIDE, KEYED, NORTH, PAIRED, SOUTH, TO_FUNCTION, lanes_of

__all__ = ["SCOPE", "applications", "function", "subscriptions"]

# A breaker that opens for long would only make the drill wait; attempts that run out would hide what is lost.
PATIENT = {
    "maxAttempts": 10_000,
    "timeout": "3s",
    "backoff": {"initial": "100ms", "max": "1s"},
    "circuitBreaker": {"openFor": "1s"},
}
SOON_OVER = {"maxAttempts": 2, "timeout": "3s", "backoff": {"initial": "100ms", "max": "1s"}, "circuitBreaker": False}


def applications() -> list[dict[str, Any]]:
    """Return the Applications that post."""
    return [application(name) for name in (*PAIRED, *INSIDE)]


def subscriptions(sinks: str) -> list[dict[str, Any]]:
    """Return the Subscriptions; `sinks` is where the receivers are."""
    found = []
    for solution in (*PAIRED, INNER):
        types = [_type(lane) for lane in lanes_of(solution)]
        ordered = PATIENT | {"ordering": {"key": "/key"}}
        found.append(_subscription(f"{solution}-ordered", solution, types, f"{sinks}/{solution}-ordered", ordered))
        found.append(_subscription(f"{solution}-plain", solution, types, f"{sinks}/{solution}-plain", PATIENT))
    to_function = f"http://{FUNCTION}.{SCOPE}.svc.cluster.local"
    found.append(_subscription(TO_FUNCTION, NORTH, [_type(KEYED[0])], to_function, PATIENT))
    found.append(_subscription(HOPELESS, SOUTH, [_type(KEYED[2])], f"{sinks}/{HOPELESS}", SOON_OVER))
    found.append(_subscription(HOARD, FILLER, [_type(lanes_of(FILLER)[0])], f"{sinks}/{HOARD}", PATIENT))
    return found


def _type(lane: str) -> str:
    return f"counted.{lane}.v1"


def _subscription(name: str, source: str, types: list[str], sink: str, delivery: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "eventing.kyma-project.io/v1alpha2",
        "kind": "Subscription",
        "metadata": {"name": name, "namespace": SCOPE},
        "spec": {"source": source, "typeMatching": "standard", "types": types, "sink": sink, "delivery": delivery},
    }
