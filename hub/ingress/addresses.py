"""Which subject an event goes to: its source and type, in Kyma's plain, legacy and prefixed forms. Pure.

An event is stored once, on the subject of its plain form, whichever form it was posted in; its type is kept as posted.
The name of an Application in subjects is its label `application-type` where it has one, as Kyma's publisher does it.
"""

import re
from collections import Counter
from typing import NamedTuple

from contracts import subjects
from contracts.envelope import encode_value
from contracts.naming import clean_source, clean_type, name_in_events, parse_prefixed
from contracts.subjects import split_key
from hub.ingress.bounds import check_subject
from hub.kernel.errors import InvalidInput
from hub.kernel.resource import Resource

_KEPT = 10_000
_NO_PREFIXED = re.compile(r"[^a-zA-Z0-9.]")


class Address(NamedTuple):
    """What is the same for all events of one source and type."""

    source: str
    type: str
    """As posted."""
    plain_type: str
    """The type's plain form, by which the catalog knows it."""
    subject: bytes
    lines: bytes
    """The headers `ce-source` and `ce-type` as they are stored."""


class Addresses:
    """Finds addresses; what is found is kept, for a solution posts the same types again and again."""

    def __init__(self, prefix: str) -> None:
        """Take the prefix of prefixed event types."""
        self._prefix = prefix
        self._names: dict[str, str] = {}
        self._owned: dict[str, str] = {}
        self._taken: Counter[str] = Counter()
        self._found: dict[tuple[str, str, bool], Address] = {}

    def application_changed(self, key: str, application: Resource | None) -> None:
        """Take a change of an Application: its label may stand for its name."""
        name = split_key(key)[1]
        named = name_in_events(name, application.labels) if application is not None else name
        self._own(name, named if application is not None else None)
        if self._names.get(name, name) != named:
            self._found.clear()
        self._names[name] = named
        if named == name:
            del self._names[name]

    def _own(self, name: str, named: str | None) -> None:
        before = self._owned.pop(name, None)
        if before is not None:
            self._taken -= Counter((name, before))
        if named is not None:
            self._owned[name] = named
            self._taken += Counter((name, named))

    def is_of_application(self, source: str) -> bool:
        """Say whether an Application has this name, itself or in its events."""
        return source in self._taken

    def find(self, source: str, event_type: str, *, stamped: bool) -> Address:
        """Return the address of a source and type.

        Args:
            source: the event's source.
            event_type: as posted.
            stamped: the source is the caller's identity; else a prefixed type says whose event it is.

        Raises:
            InvalidInput: the type's name cannot be a subject, or source and type are too long for one.
        """
        key = (source, event_type, stamped)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _KEPT:
                self._found.clear()
            found = self._found[key] = self._make(source, event_type, stamped)
        return found

    def _make(self, source: str, event_type: str, stamped: bool) -> Address:
        if self._prefix and event_type.startswith(f"{self._prefix}."):
            owner, plain = self._unprefixed(event_type)
            name = self._name_of(source if stamped else owner)
        else:
            name, plain = self._name_of(source), clean_type(event_type)
            whole = f"kyma.{clean_source(name)}.{plain}"
            if "" in whole.split("."):
                raise InvalidInput(f"event type cannot have empty segments after cleaning: {whole}")
        subject = subjects.event(name, plain).encode()
        check_subject(subject, source, event_type)
        lines = f"ce-source: {encode_value(source)}\r\nce-type: {encode_value(event_type)}\r\n"
        return Address(source, event_type, plain, subject, lines.encode())

    def _name_of(self, application: str) -> str:
        return self._names.get(application, application)

    def _unprefixed(self, event_type: str) -> tuple[str, str]:
        try:
            parts = parse_prefixed(event_type, self._prefix)
        except ValueError as error:
            raise InvalidInput(
                f"failed to parse event-type={event_type} with prefix={self._prefix}: {error}"
            ) from error
        plain = _NO_PREFIXED.sub("", f"{parts.event}.{parts.version}")
        if "" in plain.split("."):
            raise InvalidInput(f"event type cannot have empty segments after cleaning: {plain}")
        return parts.application, plain
