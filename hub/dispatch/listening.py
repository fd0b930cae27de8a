"""Which subjects the types of a Subscription are, and whose events on them it takes. Pure.

An event is stored once, on the subject of its plain name. A prefixed type names the owner of its events by the letters
and digits of his name only, so its consumer listens to any source and the others' events are passed over here. Sinks
of such types get the prefixed name, as Kyma's publisher sent a second, prefixed copy of the event.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts import subjects
from contracts.envelope import read_attributes
from contracts.naming import PREFIX, clean_application, clean_prefixed, clean_type, plain_of

EXACT = "exact"
_TYPE = "ce-type"


@dataclass(frozen=True, slots=True)
class Listening:
    """What one Subscription listens to."""

    subjects: tuple[str, ...] = ()
    """Filter subjects, without overlaps; not that of replays."""
    owned: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Plain type as subject tokens → cleaned name of the owner → the prefixed type, clean."""
    free: frozenset[str] = frozenset()
    """Filter subjects whose events are taken as they are, besides those of prefixed types."""
    clean: Mapping[str, str] = field(default_factory=dict)
    """Type as written → as the status shows it."""
    prefix: str = PREFIX
    """Of prefixed types."""

    def takes(self, subject: str) -> bool:
        """Say whether events on a subject that the consumer hands out are wanted; replays always are."""
        if not self.owned or not subject.startswith("events."):
            return True
        _, source, name = subject.split(".", 2)
        owners = self.owned.get(name)
        return owners is None or self._is_free(source, name) or _owner(source) in owners

    def owners_of(self, subject: str) -> list[str]:
        """Return the prefixed types that would want an event on this subject if it were of another source."""
        return sorted(self.owned.get(subject.split(".", 2)[2], {}).values())

    def headers_told(self, subject: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return the headers of an event as its filters and its sink get them: with the type that was asked for."""
        told = self._type_told(subject, headers) if self.owned else None
        if told is None:
            return headers
        return {name: value for name, value in headers.items() if name.lower() != _TYPE} | {_TYPE: told}

    def _type_told(self, subject: str, headers: Mapping[str, str]) -> str | None:
        if not subject.startswith("events."):
            return self._type_of_replay(headers)
        _, source, name = subject.split(".", 2)
        if self._is_free(source, name):
            return None
        return self.owned.get(name, {}).get(_owner(source))

    def _type_of_replay(self, headers: Mapping[str, str]) -> str | None:
        """Return the type told of an event on the subject of replays: whose it is must be read from the event."""
        attributes = read_attributes(headers)
        stored, source = attributes.get("type", ""), attributes.get("source", "")
        plain = plain_of(stored, self.prefix)
        name = subjects.tokens(plain.types[-1] if plain else clean_type(stored))
        owners = self.owned.get(name, {})
        if self._is_free(subjects.token(source), name):
            return None
        # Where a label stands for the owner's name his source does not tell; mostly there is one owner only.
        by_name = owners.get(plain.application if plain else clean_application(source))
        return by_name or (next(iter(owners.values())) if len(owners) == 1 else None)

    def _is_free(self, source: str, name: str) -> bool:
        return f"events.*.{name}" in self.free or f"events.{source}.{name}" in self.free


def _owner(source_token: str) -> str:
    return clean_application(subjects.untoken(source_token))


def listening_of(spec: Mapping[str, Any], prefix: str = PREFIX) -> Listening:
    """Return what an admitted spec listens to, where prefixed types begin with `prefix`."""
    source, exact = spec.get("source", ""), spec["typeMatching"] == EXACT
    owned: dict[str, dict[str, str]] = {}
    free: set[str] = set()
    for written in spec["types"]:
        plain = plain_of(written, prefix) if exact else None
        if plain is None:
            free.add(subject_of(source, written if exact else clean_type(written)))
            continue
        for name in plain.types:
            owned.setdefault(subjects.tokens(name), {})[plain.application] = clean_prefixed(written, prefix)
    wanted = free | {f"events.*.{name}" for name in owned}
    anywhere = {subject for subject in wanted if subject.startswith("events.*.")}
    kept = [subject for subject in sorted(wanted) if subject in anywhere or _of_any_source(subject) not in anywhere]
    clean = {written: clean_name(written, prefix, exact=exact) for written in spec["types"]}
    return Listening(tuple(kept), owned, frozenset(free), clean, prefix)


def subject_of(source: str, event_type: str) -> str:
    """Return the subject of a plain type; of any source where none is named."""
    return subjects.event(source, event_type) if source else subjects.events_of_type(event_type)


def _of_any_source(subject: str) -> str:
    root, _, rest = subject.split(".", 2)
    return f"{root}.*.{rest}"


def clean_name(event_type: str, prefix: str = PREFIX, *, exact: bool) -> str:
    """Return what the status shows as the clean type.

    Source: kyma-project/eventing-manager:pkg/backend/cleaner/jetstream.go, pkg/backend/eventtype.
    """
    return clean_prefixed(event_type, prefix) if exact else clean_type(event_type)
