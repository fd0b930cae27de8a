"""What the catalog expects of each event type: schemas compiled when the catalog changes, looked up per event. Pure.

Events of types that no catalog knows are counted here and reported every few seconds: one look-up per event, no more.
"""

from dataclasses import dataclass
from typing import Any, Literal

import jsonschema_rs

from contracts.catalog.v1 import EventTypeEntry
from hub.kernel.errors import InvalidInput

Check = Literal["off", "warn", "quarantine", "reject"]
UNKNOWN_LIMIT = 1000
"""Most unknown event types counted by name between two reports; further ones are counted together."""
_NAME_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Expectation:
    """What one event type expects of its data."""

    check: Check
    validator: Any = None
    """A compiled JSON Schema, or None."""

    def fits(self, value: Any) -> bool:
        """Say whether a value fits the schema, where there is one.

        Raises:
            InvalidInput: it is nested too deeply to be judged.
        """
        try:
            return self.validator is None or bool(self.validator.is_valid(value))
        except ValueError as error:
            raise InvalidInput("The data is nested too deeply.") from error

    def violation(self, value: Any) -> tuple[str, str] | None:
        """Return where (JSON pointer) and how a value breaks the schema, or None.

        Raises:
            InvalidInput: it is nested too deeply to be judged.
        """
        if self.fits(value):
            return None
        try:
            first = next(iter(self.validator.iter_errors(value)))
        except ValueError as error:
            raise InvalidInput("The data is nested too deeply.") from error
        pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in first.instance_path)
        return pointer, str(first.message)[:300]


class Expectations:
    """All event types by application and type."""

    def __init__(self, default: Check) -> None:
        """Take what holds for types that do not say themselves."""
        self._default = default
        self._entries: dict[tuple[str, str], Expectation] = {}
        self._keys: dict[str, tuple[str, str]] = {}
        self._unknown: dict[bytes, int] = {}
        self._further = 0

    def miss(self, subject: bytes) -> None:
        """Count an event, by its subject, whose type is in no catalog."""
        if subject in self._unknown or (len(self._unknown) < UNKNOWN_LIMIT and len(subject) <= _NAME_LIMIT):
            self._unknown[subject] = self._unknown.get(subject, 0) + 1
        else:
            self._further += 1

    def take_missed(self) -> tuple[dict[bytes, int], int]:
        """Return how many events of which subjects were counted, and how many of further ones; begin anew."""
        taken = self._unknown, self._further
        self._unknown, self._further = {}, 0
        return taken

    def find(self, application: str, event_type: str) -> Expectation | None:
        """Return what is expected, or None when the catalog does not know the type."""
        return self._entries.get((application, event_type))

    def changed(self, key: str, entry: EventTypeEntry | None) -> None:
        """Take a change of the catalog's bucket."""
        before = self._keys.pop(key, None)
        if before is not None:
            self._entries.pop(before, None)
        if entry is None:
            return
        place = (entry.application, entry.type)
        self._keys[key] = place
        check: Check = entry.payload_check or self._default
        self._entries[place] = Expectation(check, _compiled(entry.data_schema))


def _compiled(schema: Any) -> Any:
    if schema is None:
        return None
    try:
        return jsonschema_rs.validator_for(schema, retriever=_refuse)
    except (ValueError, jsonschema_rs.ReferencingError):
        # The catalog refuses such documents; one that slipped through must not stop events.
        return None


def _refuse(address: str) -> Any:
    """Fetch nothing: the library by itself would read any URL and any file that a schema names."""
    raise ValueError(f"'{address}' is outside of the schema")
