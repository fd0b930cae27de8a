"""What changed between two states of one Application's event catalog. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from contracts.catalog.v1 import EventTypeEntry

Entries = Mapping[str, EventTypeEntry]
"""Entries of one Application by event type."""


@dataclass(frozen=True, slots=True)
class Publication:
    """An entry that is new, or new in this form."""

    entry: EventTypeEntry
    change: Literal["added", "changed"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What turns the old state into the new one."""

    published: tuple[Publication, ...] = ()
    withdrawn: tuple[EventTypeEntry, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(self.published or self.withdrawn)


def difference(old: Entries, new: Entries) -> Difference:
    """Return what must be published and withdrawn; nothing for equal states."""
    published = [
        Publication(entry, "changed" if event_type in old else "added")
        for event_type, entry in new.items()
        if old.get(event_type) != entry
    ]
    return Difference(tuple(published), tuple(entry for event_type, entry in old.items() if event_type not in new))
