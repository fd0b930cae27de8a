"""JSON as it came: judged, and taken apart at its first level, without making values of it. Pure.

What is only passed on is neither parsed nor written anew: that costs a quarter, and nothing of it changes on the way,
no number loses digits.
"""

from typing import Any

import msgspec
from msgspec import Raw

Members = dict[str, Raw]
"""The members of a JSON object, each as the bytes that it came as."""

_VALUE = msgspec.json.Decoder(Raw).decode
_OBJECT = msgspec.json.Decoder(Members).decode
_OBJECTS = msgspec.json.Decoder(list[Members]).decode
_VALUES = msgspec.json.Decoder(list[Raw]).decode
_NOT_FITTING = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


def is_json(data: bytes) -> bool:
    """Say whether bytes are JSON, in UTF-8."""
    try:
        data.decode()
        _VALUE(data)
    except _NOT_FITTING:
        return False
    return True


def members_of(data: bytes) -> Members | None:
    """Return the members of a JSON object; None when it is something else. The last of equal names counts."""
    try:
        data.decode()
        return _OBJECT(data)
    except _NOT_FITTING:
        return None


def items_of(data: bytes) -> list[Any] | None:
    """Return the items of a JSON array, objects as their members, others as `Raw`; None when it is something else."""
    try:
        data.decode()
        return _OBJECTS(data)
    except msgspec.ValidationError:
        pass  # not all of them are objects
    except _NOT_FITTING:
        return None
    try:
        return [_member_or_raw(item) for item in _VALUES(data)]
    except _NOT_FITTING:
        return None


def _member_or_raw(item: Raw) -> Any:
    found = members_of(bytes(item))
    return item if found is None else found
