"""Counts and times deliveries."""

from prometheus_client import Counter, Gauge, Histogram

from hub.kernel.metrics import REGISTRY

DELIVERIES = Counter("hub_deliveries", "Delivery attempts by outcome", ["subscription", "outcome"], registry=REGISTRY)
DELIVERY_SECONDS = Histogram(
    "hub_delivery_seconds",
    "Seconds per delivery attempt",
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
ATTEMPTS_UNRECORDED = Counter("hub_attempts_unrecorded", "Delivery attempts whose record was lost", registry=REGISTRY)
BREAKER_STATE = Gauge(
    "hub_breaker_state", "Circuit breaker: 0 closed, 1 half-open, 2 open", ["subscription"], registry=REGISTRY
)
STORE_SHARE = Gauge("hub_event_store_share", "How full the event store is, from 0 to 1", registry=REGISTRY)
IN_FLIGHT = Gauge("hub_deliveries_in_flight", "Deliveries under way", registry=REGISTRY)
