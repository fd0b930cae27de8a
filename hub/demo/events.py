"""The 200 events of the demo, and which of them must end how. Pure: the solution posts them, the audit knows them."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Form = Literal["binary", "structured", "batch", "legacy"]

APPLICATION, OTHER_APPLICATION = "shop", "other"
CREATED, CAPTURED, SENT = "order.created.v1", "payment.captured.v1", "parcel.sent.v1"
FORMS: tuple[Form, ...] = ("binary", "structured", "batch", "legacy")
TYPES = (CREATED, CAPTURED, SENT)
TOTAL = 200
TIME = "2030-01-01T00:00:00Z"


def id_of(name: str) -> str:
    """Return the id of an event: a UUID, which every form accepts, the same at each run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:hub:demo:{name}"))


BREAKS_SCHEMA = id_of("breaks its schema")
FOREIGN = id_of("posted with another application's path")
RAISES_TWICE = id_of("its function raises twice")
POISONED = id_of("its sink always answers 500")
REPEATED = id_of("event 0")
SPECIAL = {
    BREAKS_SCHEMA: "breaks its schema",
    FOREIGN: "posted with another application's path",
    REPEATED: "posted twice",
    RAISES_TWICE: "its Function raises twice",
    POISONED: "its sink answers 500",
}
"""What is the matter with the events that are no ordinary ones."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One event to be posted."""

    id: str
    form: Form
    type: str
    data: dict[str, Any]
    application: str = APPLICATION

    def structured(self) -> dict[str, Any]:
        """Return it as a CloudEvent in JSON."""
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": self.application,
            "type": self.type,
            "time": TIME,
            "datacontenttype": "application/json",
            "data": self.data,
        }

    def headers(self) -> dict[str, str]:
        """Return its attributes as headers of the binary form."""
        names = ("specversion", "id", "source", "type", "time")
        return {f"ce-{name}": str(self.structured()[name]) for name in names} | {"content-type": "application/json"}

    def legacy(self) -> dict[str, Any]:
        """Return it as the older events API writes it."""
        name, _, version = self.type.rpartition(".")
        return {
            "event-type": name,
            "event-type-version": version,
            "event-id": self.id,
            "event-time": TIME,
            "data": self.data,
        }


def planned() -> list[Planned]:
    """Return all events in the order in which they are posted."""
    ordinary = [_ordinary(number) for number in range(TOTAL - 5)]
    return [*ordinary, *_special(ordinary[0])]


def breaking(identifier: str) -> Planned:
    """Return an event that its schema does not allow: the amount is no number."""
    return Planned(identifier, "binary", CAPTURED, {"order": 1, "amount": "much"})


def _ordinary(number: int) -> Planned:
    form = FORMS[number % len(FORMS)]
    return Planned(id_of(f"event {number}"), form, TYPES[number % len(TYPES)], {"order": number, "amount": 9.5})


def _special(first: Planned) -> Iterator[Planned]:
    body = {"order": 1, "amount": 9.5}
    yield breaking(BREAKS_SCHEMA)
    yield first
    yield Planned(FOREIGN, "binary", CREATED, body, application=OTHER_APPLICATION)
    yield Planned(RAISES_TWICE, "binary", CREATED, body)
    yield Planned(POISONED, "binary", SENT, body)
