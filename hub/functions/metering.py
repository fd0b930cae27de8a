"""Counts the calls of one Function and how long they took; look-ups by label are done once, not per call."""

import time

from hub.functions.model import Answer
from hub.functions.outcomes import FAILED, SUCCEEDED, TIMED_OUT, UNAVAILABLE, outcome_of
from hub.kernel.errors import HubError
from hub.kernel.metrics import INVOCATION_SECONDS, INVOCATIONS


class Meter:
    """The counters of one Function."""

    def __init__(self, label: str) -> None:
        """Look up the counters."""
        self._counters = {
            outcome: INVOCATIONS.labels(function=label, outcome=outcome)
            for outcome in (SUCCEEDED, FAILED, TIMED_OUT, UNAVAILABLE)
        }

    def count(self, answer: Answer | HubError, began: float) -> str:
        """Count one call that began at a moment of `time.perf_counter`; returns its outcome."""
        outcome = outcome_of(answer)
        self._counters[outcome].inc()
        INVOCATION_SECONDS.observe(time.perf_counter() - began)
        return outcome
