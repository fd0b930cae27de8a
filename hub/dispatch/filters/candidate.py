"""An event that a Subscription may want, as its filters see it. Pure.

Attributes are decoded and data is parsed when the first filter asks, and once at most: filters that look at neither
cost neither.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from contracts.envelope import read_attributes

ABSENT: Final = object()
"""What stands for data that is not there or no JSON; null is data."""


class Candidate:
    """One event under examination, by one Subscription's filters."""

    __slots__ = ("_attributes", "_body", "_data", "_headers", "errors")

    def __init__(self, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Take an event as it is stored: headers of the NATS binding, data untouched."""
        self._headers = headers
        self._body = body
        self._attributes: dict[str, str] | None = None
        self._data: Any = self  # no JSON value: not looked at yet
        self.errors: list[str] = []
        """What went wrong in filters that could not be evaluated; each of them counts as no."""

    @property
    def attributes(self) -> Mapping[str, str]:
        """Return the CloudEvents attributes by lower-case name, decoded."""
        if self._attributes is None:
            self._attributes = read_attributes(self._headers)
        return self._attributes

    @property
    def data(self) -> Any:
        """Return the data as JSON; `ABSENT` when there is none or it is no JSON."""
        if self._data is self:
            self._data = self._parsed()
        return self._data

    def _parsed(self) -> Any:
        media = self.attributes.get("datacontenttype", "").partition(";")[0].strip().lower()
        if not self._body or (media and not media.endswith(("/json", "+json"))):
            return ABSENT
        try:
            return orjson.loads(self._body)
        except orjson.JSONDecodeError:
            return ABSENT


Predicate = Callable[[Candidate], bool]
"""A compiled filter: never raises, answers the same each time."""
