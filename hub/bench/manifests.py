"""What the benchmark applies to its hub: Kyma manifests, as anybody would. Pure."""

from typing import Any

from hub.bench.requests import APPLICATION, PASSWORD, TYPE, USER
from hub.bench.sources import RUNTIMES

SCOPE, NAME = "default", "bench"
LONG = "10m"
"""Time limit of a delivery: while a sink is held back, the first ones wait for it."""


def application(name: str = APPLICATION) -> dict[str, Any]:
    """Return an Application; by default the one that posts."""
    return {
        "apiVersion": "applicationconnector.kyma-project.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name},
        "spec": {"description": "The load of a benchmark."},
    }


def secret() -> dict[str, Any]:
    """Return the Secret with the credentials of the target."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": NAME, "namespace": "kyma-system"},
        "stringData": {"username": USER, "password": PASSWORD},
    }


def api(target: str, name: str = APPLICATION, services: int = 1) -> dict[str, Any]:
    """Return an Application whose Services have an API each at a target; the first one is called."""
    entry = {"type": "API", "targetUrl": target, "credentials": {"type": "Basic", "secretName": NAME}}
    names = [NAME, *(f"{NAME}-{number}" for number in range(1, services))]
    texts = ("id", "name", "displayName", "providerDisplayName", "description")
    listed = [dict.fromkeys(texts, each) | {"entries": [entry]} for each in names]
    document = application(name)
    return document | {"spec": document["spec"] | {"services": listed}}


def subscription(
    sink: str, in_flight: int, name: str = NAME, source: str = APPLICATION, event_type: str = TYPE, batch: int = 1
) -> dict[str, Any]:
    """Return a Subscription; by default the one that brings every event to a sink, one per request."""
    delivery: dict[str, Any] = {"timeout": LONG} | ({"batch": {"maxEvents": batch}} if batch > 1 else {})
    return {
        "apiVersion": "eventing.kyma-project.io/v1alpha2",
        "kind": "Subscription",
        "metadata": {"name": name, "namespace": SCOPE},
        "spec": {
            "source": source,
            "typeMatching": "standard",
            "types": [event_type],
            "sink": sink,
            "config": {"maxInFlightMessages": str(in_flight)},
            "delivery": delivery,
        },
    }


def function(runtime: str, source: str, name: str = NAME, *, replicas: int | None = 1) -> dict[str, Any]:
    """Return a Function.

    Args:
        runtime: `python` or `node`.
        source: its handler.
        name: its name.
        replicas: how many processes it always has; None: one when it is called, none at rest.
    """
    spec = {
        "runtime": RUNTIMES[runtime],
        "source": {"inline": {"source": source}},
        "env": [{"name": "FUNC_TIMEOUT", "value": "600"}],
    }
    return {
        "apiVersion": "serverless.kyma-project.io/v1alpha2",
        "kind": "Function",
        "metadata": {"name": name, "namespace": SCOPE},
        "spec": spec if replicas is None else spec | {"replicas": replicas},
    }
