"""Counts synchronizations, and tells the age of what is known."""

import time
from datetime import datetime

from prometheus_client import Counter, Gauge

from hub.compass.condition import Outcome
from hub.kernel.metrics import REGISTRY

APPLICATIONS = Gauge("hub_compass_applications", "Applications that the Director lists", registry=REGISTRY)
FAILURES = Gauge("hub_compass_failures", "Applications that could not be taken over last time", registry=REGISTRY)
ATTEMPTS = Counter("hub_compass_attempts", "Attempts to synchronize by the state after", ["state"], registry=REGISTRY)
AGE = Gauge("hub_compass_synchronization_age_seconds", "Seconds since the last good synchronization", registry=REGISTRY)
EXPIRY = Gauge(
    "hub_compass_certificate_expiry_seconds", "Seconds until the client certificate ends", registry=REGISTRY
)
AGE.set(float("nan"))  # nothing is known yet, which is not the same as fresh
EXPIRY.set(float("nan"))


def note_outcome(outcome: Outcome) -> None:
    """Note what a good synchronization found; its age counts from now."""
    APPLICATIONS.set(outcome.total)
    FAILURES.set(len(outcome.failures))
    began = time.monotonic()
    AGE.set_function(lambda: time.monotonic() - began)


def note_certificate(not_after: datetime) -> None:
    """Note when the client certificate ends."""
    end = not_after.timestamp()
    EXPIRY.set_function(lambda: end - time.time())
