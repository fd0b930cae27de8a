"""Counters and their names, served in the Prometheus text format by each process.

Rooms define their own beside what they count. On the hot path a counter's child is looked up once and kept, for a
look-up by labels costs more than the increment.
"""

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

FORWARDED_IGNORED = Counter(
    "hub_forwarded_certificates_ignored",
    "Requests whose X-Forwarded-Client-Cert came from no trusted proxy and was passed over",
    registry=REGISTRY,
)
REQUESTS = Counter("hub_requests", "HTTP requests", ["listener", "status"], registry=REGISTRY)


def render() -> bytes:
    """Return all metrics in the Prometheus text format."""
    return generate_latest(REGISTRY)
