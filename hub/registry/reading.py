"""Reads JSON as the clients of this surface expect it to be read: the way Go's decoder does.

Keys match whatever their case, unknown keys are passed over, the last duplicate wins, null is the same as absent; a
value of the wrong type is refused with its path.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from hub.kernel.errors import InvalidField, InvalidInput

_TYPES = {str: "string", bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}
UNREADABLE = "Failed to unmarshal request body"


def type_name(value: Any) -> str:
    """Return how JSON calls the type of a value."""
    return _TYPES.get(type(value), "null")


class Fields:
    """The members of one JSON object, found whatever the case of their keys."""

    def __init__(self, members: Mapping[str, Any], path: str = "") -> None:
        """Wrap an object that stands at a path."""
        self._members = {key.casefold(): value for key, value in members.items()}
        self._path = path

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _refuse(self, name: str, value: Any, wanted: str) -> InvalidField:
        path = self._at(name)
        text = f"{UNREADABLE}, the field '{path}' must be {wanted}, not {type_name(value)}"
        return InvalidField(text, field=path)

    def raw(self, name: str) -> Any:
        """Return a member as it is, None when absent."""
        return self._members.get(name.casefold())

    def text(self, name: str) -> str:
        """Return a string, empty when absent."""
        value = self.raw(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._refuse(name, value, "a string")
        return value

    def object(self, name: str) -> "Fields | None":
        """Return an object, None when absent."""
        value = self.raw(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._refuse(name, value, "an object")
        return Fields(value, self._at(name))

    def objects(self, name: str) -> list["Fields"]:
        """Return a list of objects, empty when absent."""
        value = self._list(name, self.raw(name))
        members = [item if item is not None else {} for item in value]
        for index, item in enumerate(members):
            if not isinstance(item, dict):
                raise self._refuse(f"{name}[{index}]", item, "an object")
        return [Fields(item, self._at(f"{name}[{index}]")) for index, item in enumerate(members)]

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings, empty when absent."""
        return self._texts(name, self.raw(name))

    def text_map(self, name: str) -> dict[str, str] | None:
        """Return a map of strings; its keys are names, not fields, and keep their case."""
        value = self._map(name)
        if value is None:
            return None
        for key, item in value.items():
            if item is not None and not isinstance(item, str):
                raise self._refuse(f"{name}.{key}", item, "a string")
        return {key: item or "" for key, item in value.items()}

    def text_lists(self, name: str) -> dict[str, tuple[str, ...]] | None:
        """Return a map of lists of strings."""
        value = self._map(name)
        if value is None:
            return None
        return {key: self._texts(f"{name}.{key}", item) for key, item in value.items()}

    def _map(self, name: str) -> dict[str, Any] | None:
        value = self.raw(name)
        if value is not None and not isinstance(value, dict):
            raise self._refuse(name, value, "an object")
        return value

    def _list(self, name: str, value: Any) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._refuse(name, value, "an array")
        return value

    def _texts(self, name: str, value: Any) -> tuple[str, ...]:
        items = self._list(name, value)
        for index, item in enumerate(items):
            if item is not None and not isinstance(item, str):
                raise self._refuse(f"{name}[{index}]", item, "a string")
        return tuple(item or "" for item in items)


def read_object(body: bytes) -> Fields:
    """Read a body that must hold one JSON object.

    Raises:
        InvalidInput: not JSON, or JSON of another type.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{UNREADABLE}, {error}") from error
    if value is None:
        return Fields({})
    if not isinstance(value, dict):
        raise InvalidInput(f"{UNREADABLE}, it must be an object, not {type_name(value)}")
    return Fields(value)
