"""Counts what becomes of posted events."""

from prometheus_client import Counter

from hub.kernel.metrics import REGISTRY

EVENTS_ACCEPTED = Counter("hub_events_accepted", "Events stored", ["application", "dialect"], registry=REGISTRY)
EVENTS_DUPLICATE = Counter("hub_events_duplicate", "Events acknowledged as repeats", ["application"], registry=REGISTRY)
EVENTS_REJECTED = Counter("hub_events_rejected", "Events refused", ["application", "status"], registry=REGISTRY)
CONTRACT_WARNINGS = Counter(
    "hub_contract_warnings", "Accepted events whose data breaks their schema", ["application"], registry=REGISTRY
)
UNKNOWN_TYPES = Counter(
    "hub_events_uncatalogued", "Accepted events whose type is in no catalog", ["application"], registry=REGISTRY
)
