"""Counters and their names, served in the Prometheus text format by each process.

On the hot path a counter's child is looked up once and kept, for a look-up by labels costs more than the increment.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

EVENTS_ACCEPTED = Counter("hub_events_accepted", "Events stored", ["application", "dialect"], registry=REGISTRY)
EVENTS_DUPLICATE = Counter("hub_events_duplicate", "Events acknowledged as repeats", ["application"], registry=REGISTRY)
EVENTS_REJECTED = Counter("hub_events_rejected", "Events refused", ["application", "status"], registry=REGISTRY)
CONTRACT_WARNINGS = Counter(
    "hub_contract_warnings", "Accepted events whose data breaks their schema", ["application"], registry=REGISTRY
)
UNKNOWN_TYPES = Counter(
    "hub_events_uncatalogued", "Accepted events whose type is in no catalog", ["application"], registry=REGISTRY
)
STORE_SHARE = Gauge("hub_event_store_share", "How full the event store is, from 0 to 1", registry=REGISTRY)
DELIVERIES = Counter("hub_deliveries", "Delivery attempts by outcome", ["subscription", "outcome"], registry=REGISTRY)
DELIVERY_SECONDS = Histogram(
    "hub_delivery_seconds",
    "Seconds per delivery attempt",
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
ATTEMPTS_UNRECORDED = Counter(
    "hub_attempts_unrecorded", "Delivery attempts whose record was lost", registry=REGISTRY
)
BREAKER_STATE = Gauge(
    "hub_breaker_state", "Circuit breaker: 0 closed, 1 half-open, 2 open", ["subscription"], registry=REGISTRY
)
IN_FLIGHT = Gauge("hub_deliveries_in_flight", "Deliveries under way", registry=REGISTRY)
CERTIFICATES = Counter("hub_certificates", "Certificates by what happened", ["happened"], registry=REGISTRY)
FORWARDED_IGNORED = Counter(
    "hub_forwarded_certificates_ignored",
    "Requests whose X-Forwarded-Client-Cert came from no trusted proxy and was passed over",
    registry=REGISTRY,
)
REQUESTS = Counter("hub_requests", "HTTP requests", ["listener", "status"], registry=REGISTRY)


def render() -> bytes:
    """Return all metrics in the Prometheus text format."""
    return generate_latest(REGISTRY)
