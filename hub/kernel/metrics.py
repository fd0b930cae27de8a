"""Counters and their names, served in the Prometheus text format by each process.

On the hot path a counter's child is looked up once and kept, for a look-up by labels costs more than the increment.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
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
