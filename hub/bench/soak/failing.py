"""Which deliveries fail on purpose, and how often: by the event's number alone, so that the audit knows. Pure."""

from hub.bench.journal import RECORD, Journal
from hub.bench.requests import SENT

MOST_ATTEMPTS = 3
"""`maxAttempts` of the soak's Subscriptions: what fails so often becomes a dead letter."""
PASSING_EVERY, PASSING_AT = 25, 3
"""Of so many events one fails at its first attempt."""
HOPELESS_EVERY, HOPELESS_AT = 1000, 7
"""Of so many events one fails until it is given up."""

_HANDLER = """import os
import struct
import time

records = os.open({records!r}, os.O_WRONLY | os.O_APPEND)
failed = set()


def main(event, context):
    number = int(event["ce-id"].rpartition("-")[2])
    if number % {hopeless_every} == {hopeless_at}:
        raise RuntimeError("This event fails each time, on purpose.")
    if number % {passing_every} == {passing_at} and number not in failed:
        failed.add(number)
        raise RuntimeError("This event fails once, on purpose.")
    failed.discard(number)
    os.write(records, struct.pack({record!r}, number, int(event["ce-{sent}"]), time.monotonic_ns()))


# day {day}
"""


def failures_of(number: int) -> int:
    """Return how many attempts of an event fail before one is taken."""
    if number % HOPELESS_EVERY == HOPELESS_AT:
        return MOST_ATTEMPTS
    return int(number % PASSING_EVERY == PASSING_AT)


class Refusals:
    """What the sink has refused so far; an event that is given up is taken when it is replayed."""

    def __init__(self) -> None:
        """Begin with nothing refused."""
        self._refused: dict[int, int] = {}

    def refuses(self, number: int) -> bool:
        """Say whether this attempt of an event fails, and remember it."""
        failures = failures_of(number)
        if not failures:
            return False
        before = self._refused.pop(number, 0)
        if before >= failures:
            return False
        self._refused[number] = before + 1
        return True


def handler(journal: Journal, day: int) -> str:
    """Return the Function's source, another one each day: it fails as the sink does, and writes down what it took.

    What fails each time is never taken: its dead letters are dropped.
    """
    return _HANDLER.format(
        records=str(journal.records),
        record=RECORD,
        sent=SENT,
        hopeless_every=HOPELESS_EVERY,
        hopeless_at=HOPELESS_AT,
        passing_every=PASSING_EVERY,
        passing_at=PASSING_AT,
        day=day,
    )
