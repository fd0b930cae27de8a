"""Counts what becomes of spans."""

from prometheus_client import Counter

from hub.kernel.metrics import REGISTRY

RECORDED = Counter("hub_spans_recorded", "Spans taken up", registry=REGISTRY)
EXPORTED = Counter("hub_spans_exported", "Spans that the collector took", registry=REGISTRY)
DROPPED = Counter(
    "hub_spans_dropped",
    "Spans given up: `queue` too many at once, `collector` it was away too long or refused them, `store` not kept",
    ["reason"],
    registry=REGISTRY,
)
