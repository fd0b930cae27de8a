"""Events whose data breaks the schema of a type that says `quarantine`: stored, but aside. Pure.

Their stream is none that a Subscription reads, so nothing is delivered before somebody lets the event through. The
poster gets a success, for the event is stored, and a header that says so.
"""

from collections.abc import Iterable

from contracts import subjects
from hub.ingress.expectations import Expectation
from hub.ingress.model import Admitted

VIOLATION = "Hub-Violation"
"""Header of the stored event: where and how its data breaks the schema."""
HEADER = "Hub-Quarantined"
"""Header of the answer: how many of the posted events were kept aside."""


def holds(expectation: Expectation | None, warning: str) -> bool:
    """Say whether an event is kept aside: its data breaks the schema, and its type asks for it."""
    return warning != "" and expectation is not None and expectation.check == "quarantine"


def subject_of(subject: bytes) -> bytes:
    """Return the subject on which an event is kept aside, made of the one it would be accepted on."""
    return subjects.quarantine_of(subject.decode()).encode()


def told(admitted: Iterable[Admitted]) -> dict[str, str]:
    """Return the header that tells the poster of events kept aside; none when there are none."""
    count = sum(event.quarantined for event in admitted)
    return {HEADER: str(count)} if count else {}
