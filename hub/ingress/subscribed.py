"""Which event types of an application somebody subscribes to, as solutions ask before they post. Pure.

Source: kyma-project/eventing-publisher-proxy, pkg/subscribed.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from hub.kernel.resource import Resource

_EXACT = "exact"


def events_info(application: str, subscriptions: Iterable[Resource], prefix: str) -> dict[str, Any]:
    """Return the answer's body: name and version of each subscribed event type, once, in order."""
    names = {name for subscription in subscriptions for name in _types_of(application, subscription.spec, prefix)}
    return {"eventsInfo": [_split(name) for name in sorted(names)]}


def _types_of(application: str, spec: dict[str, Any], prefix: str) -> Iterator[str]:
    if spec.get("typeMatching") != _EXACT:
        if spec.get("source") == application:
            yield from spec["types"]
        return
    start = f"{prefix}.{application}."
    yield from (name.replace(start, "") for name in spec["types"] if name.startswith(start))


def _split(name: str) -> dict[str, str]:
    event, _, version = name.rpartition(".")
    return {"name": event, "version": version} if event else {"name": name, "version": ""}
