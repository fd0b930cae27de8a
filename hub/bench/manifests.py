"""What the benchmark applies to its hub: Kyma manifests, as anybody would. Pure."""

from typing import Any

from hub.bench.requests import APPLICATION, TYPE

SCOPE, NAME = "default", "bench"
LONG = "10m"
"""Time limit of a delivery: while a sink is held back, the first ones wait for it."""


def application() -> dict[str, Any]:
    """Return the Application that posts."""
    return {
        "apiVersion": "applicationconnector.kyma-project.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": APPLICATION},
        "spec": {"description": "The load of a benchmark."},
    }


def subscription(sink: str, in_flight: int) -> dict[str, Any]:
    """Return the Subscription that brings every event to a sink."""
    return {
        "apiVersion": "eventing.kyma-project.io/v1alpha2",
        "kind": "Subscription",
        "metadata": {"name": NAME, "namespace": SCOPE},
        "spec": {
            "source": APPLICATION,
            "typeMatching": "standard",
            "types": [TYPE],
            "sink": sink,
            "config": {"maxInFlightMessages": str(in_flight)},
            "delivery": {"timeout": LONG},
        },
    }
