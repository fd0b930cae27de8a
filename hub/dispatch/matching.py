"""Does a Subscription want an event? The types are nats-server's matter; this is for the filters beyond them. Pure."""

from collections.abc import Mapping, Sequence

from contracts.envelope import read_attributes
from hub.dispatch.filters.attributes import Predicate


def find_refusal(filters: Sequence[Predicate], headers: Mapping[str, str]) -> int | None:
    """Return the position of the first filter that says no; None when the event is wanted. Never raises."""
    if not filters:
        return None
    attributes = read_attributes(headers)
    return next((index for index, holds in enumerate(filters) if not holds(attributes)), None)
