"""May a new version of a specification take the place of the old one? Pure: what it breaks, and for whom.

A Subscription is broken when an event type it wants is gone, or when it filters on data that is described no longer; it
is at risk when what it receives changes in a way that breaks old expectations.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from contracts.catalog.v1 import EventTypeEntry
from contracts.naming import PREFIX, clean_application, plain_of
from hub.catalog.compatibility import Change, compare
from hub.catalog.model import EventType

Outcome = Literal["added", "unchanged", "compatible", "breaking", "removed"]


@dataclass(frozen=True, slots=True)
class TypeVerdict:
    """What becomes of one event type."""

    type: str
    outcome: Outcome
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """A Subscription, as far as the catalog is concerned."""

    name: str
    """`<scope>/<name>`."""
    spec: Mapping[str, Any] = field(repr=False)
    prefix: str = PREFIX
    """Of prefixed event types."""


@dataclass(frozen=True, slots=True)
class Victim:
    """A Subscription that feels the change."""

    subscription: str
    type: str
    reason: str
    certain: bool
    """It is broken for sure; else it is at risk."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a new version of a specification means."""

    application: str
    service_id: str
    """The Service whose specification it replaces; empty for a new one."""
    types: tuple[TypeVerdict, ...]
    victims: tuple[Victim, ...]

    @property
    def is_compatible(self) -> bool:
        """Say whether nothing breaks."""
        return all(found.outcome not in ("breaking", "removed") for found in self.types)


def service_of(entries: Iterable[EventTypeEntry], offered: Iterable[EventType]) -> str:
    """Return the Service whose event types the new version shares most; empty when it shares none."""
    names = {found.type for found in offered}
    shared: dict[str, int] = {}
    for entry in entries:
        shared[entry.service_id] = shared.get(entry.service_id, 0) + (entry.type in names)
    best = max(shared, key=lambda service: shared[service], default="")
    return best if shared.get(best) else ""


def judge(
    application: str,
    service_id: str,
    entries: Sequence[EventTypeEntry],
    *,
    offered: Sequence[EventType],
    wishes: Sequence[Wish],
) -> Verdict:
    """Return what the new version means.

    Args:
        application: its name.
        service_id: the Service whose specification is replaced; empty for a new Service.
        entries: what the catalog holds of the Application.
        offered: what the new version offers.
        wishes: every Subscription.
    """
    old = {entry.type: entry for entry in entries if entry.service_id == service_id}
    new = {found.type: found for found in offered}
    removed = [TypeVerdict(name, "removed") for name in old if name not in new]
    types = [*(_compared(old.get(name), found) for name, found in new.items()), *removed]
    victims = [
        victim
        for verdict in types
        for wish in wishes
        if wants(wish, application, verdict.type)
        for victim in _victims(wish, verdict)
    ]
    return Verdict(application, service_id, tuple(types), tuple(victims))


def _compared(old: EventTypeEntry | None, new: EventType) -> TypeVerdict:
    if old is None:
        return TypeVerdict(new.type, "added")
    if old.data_schema == new.schema:
        return TypeVerdict(new.type, "unchanged")
    changes = tuple(compare(old.data_schema, new.schema))
    broken = any(change.effect == "breaking" for change in changes)
    return TypeVerdict(new.type, "breaking" if broken else "compatible", changes)


def wants(wish: Wish, application: str, event_type: str) -> bool:
    """Say whether a Subscription wants an event type of an Application."""
    types, source = wish.spec.get("types"), wish.spec.get("source") or application
    named = types if isinstance(types, list) else []
    if source == application and event_type in named:
        return True
    owner = clean_application(application)
    prefixed = [plain_of(name, wish.prefix) for name in named if isinstance(name, str)]
    return any(plain.application == owner and event_type in plain.types for plain in prefixed if plain is not None)


def _victims(wish: Wish, verdict: TypeVerdict) -> Iterator[Victim]:
    if verdict.outcome == "removed":
        yield Victim(wish.name, verdict.type, "the event type is gone", certain=True)
        return
    breaking = [change for change in verdict.changes if change.effect == "breaking"]
    pointers = sorted(set(_pointers(wish.spec.get("filters"))))
    hit = [(pointer, change) for pointer in pointers for change in breaking if _meets(pointer, change)]
    for pointer, change in hit:
        yield Victim(wish.name, verdict.type, f"it filters on {pointer}: {change.text}", certain=change.removed)
    if breaking and not hit:
        yield Victim(wish.name, verdict.type, "it receives data that changes", certain=False)


def _pointers(filters: Any) -> Iterator[str]:
    """Return every JSON pointer that filters look at."""
    waiting = [filters]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, Mapping):
            data = node.get("data")
            yield from data if isinstance(data, Mapping) else ()
            waiting += [node.get(name) for name in ("all", "any", "not")]


def _meets(pointer: str, change: Change) -> bool:
    """Say whether a filter's pointer leads to, or through, what changed; a changed whole meets all."""
    steps, changed = pointer.split("/"), change.pointer.split("/")
    if len(changed) > len(steps):
        return False
    return all(there in (step, "*") for step, there in zip(steps, changed, strict=False))
