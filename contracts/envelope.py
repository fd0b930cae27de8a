"""The CloudEvents 1.0 envelope of contract events, in the binary mode of the NATS binding.

Every attribute is a header `ce-<name>`, the content type included; the data is the body. A publisher may only send what
the model knows, a reader passes over what it does not know: so a version can grow while both sides run.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Self, TypeVar

from cloudevents.core.v1.event import CloudEvent
from pydantic import BaseModel, ConfigDict, ValidationError

from contracts import subjects

PREFIX = "ce-"
DEPTH = "hubdepth"
"""The hub's own extension attribute: through how many Functions an event has come. Only the hub sets it."""
SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"

# Beside what lies outside of the printable ASCII range, the binding names these three: space, quote, percent.
_TO_ENCODE = re.compile(r'[^\x21-\x7e]|["%]')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BACKSLASHED = re.compile(r"\\(.)", re.DOTALL)
_PERCENT_RUN = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


class UnreadableContract(ValueError):
    """The message is no contract event of the expected kind."""


def _open(schema: dict[str, Any]) -> None:
    # The committed schema is the reader's: it must not refuse what a later addition to the same version brings.
    schema.pop("additionalProperties", None)


class Contract(BaseModel):
    """What every contract event is: frozen, named by its type, closed when published, tolerant when read."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_open, defer_build=True)

    contract_type: ClassVar[str]
    """`hub.<noun>.v<major>.<past participle>`; also the subject it is published on."""
    contract_version: ClassVar[int] = 1
    older: ClassVar[type["Contract"] | None] = None
    """The model of the version before this one; None in the first."""

    @classmethod
    def upcast(cls, earlier: "Contract") -> Self:
        """Return the same fact in this version; given by every version that has an older one. Pure."""
        raise UnreadableContract(f"{cls.contract_type} has no earlier version that {earlier.contract_type} could be.")


C = TypeVar("C", bound=Contract)


@dataclass(frozen=True, slots=True)
class Message:
    """A contract event as it travels: where to, and with what."""

    subject: str
    headers: dict[str, str] = field(repr=False)
    data: bytes = field(repr=False)


def schema_uri(contract_type: str) -> str:
    """Return the name of the committed schema `contracts/schemas/<type>.json`, as `dataschema` carries it."""
    return f"urn:hub:contracts:schemas:{contract_type}"


def wrap(model: Contract, *, event_id: str, time: datetime, source: str, traceparent: str | None = None) -> Message:
    """Return a contract event as the message that carries it.

    Args:
        model: what happened.
        event_id: unique within the source.
        time: when, with a time zone.
        source: who says so, a URI reference such as `/hub/registry`.
        traceparent: W3C trace context of the work that led to it; carried as the starting trace and as the hop's.

    Raises:
        cloudevents.core.exceptions.CloudEventValidationError: an attribute is not acceptable.
    """
    attributes = {
        "specversion": SPEC_VERSION,
        "id": event_id,
        "source": source,
        "type": model.contract_type,
        "time": time,
        "datacontenttype": CONTENT_TYPE,
        "dataschema": schema_uri(model.contract_type),
    }
    if traceparent:
        attributes["traceparent"] = traceparent
    event = CloudEvent(attributes, None)
    headers = {PREFIX + name: encode_value(_text(value)) for name, value in event.get_attributes().items()}
    if traceparent:
        headers["traceparent"] = traceparent
    return Message(subjects.contract(model.contract_type), headers, encode(model))


def unwrap(model_class: type[C], headers: Mapping[str, str], data: bytes) -> C:
    """Return the contract event of a message, in the version asked for, upcast when an older one was sent.

    Raises:
        UnreadableContract: it is another kind of message, or its data does not fit the model.
    """
    attributes = read_attributes(headers)
    if attributes.get("specversion") != SPEC_VERSION:
        raise UnreadableContract(f"specversion is {attributes.get('specversion')!r}; contract events have '1.0'.")
    return read(model_class, attributes.get("type", ""), data)


def read_attributes(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the CloudEvents attributes among message headers, names in lower case: NATS keeps their case."""
    lowered = ((name.lower(), value) for name, value in headers.items())
    return {name[len(PREFIX) :]: decode_value(value) for name, value in lowered if name.startswith(PREFIX)}


def encode(model: Contract) -> bytes:
    """Return a contract event's data as JSON."""
    return model.model_dump_json().encode()


def read(model_class: type[C], contract_type: str, data: bytes) -> C:
    """Return data of a contract type as the given model: unknown fields passed over, older versions upcast.

    Raises:
        UnreadableContract: the type is neither the model's nor one of its older versions, or the data does not fit.
    """
    if contract_type == model_class.contract_type:
        try:
            return model_class.model_validate_json(data, strict=True, extra="ignore")
        except ValidationError as error:
            raise UnreadableContract(f"{contract_type} does not fit its model: {_first(error)}.") from error
    if model_class.older is None:
        raise UnreadableContract(f"expected {model_class.contract_type}, got {contract_type or 'no type'}.")
    return model_class.upcast(read(model_class.older, contract_type, data))


def encode_value(value: str) -> str:
    """Return an attribute's value as a header may carry it: percent-encoded UTF-8, upper-case digits.

    Raises:
        ValueError: the text holds half of a surrogate pair.
    """
    return _TO_ENCODE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match.group().encode()), value)


def decode_value(value: str) -> str:
    """Return a header's value as text: quotes undone, then one percent-decoding; what is no UTF-8 stays as it is."""
    return _PERCENT_RUN.sub(_decode_leniently, _unquote(value))


def decode_value_strictly(value: str) -> str:
    """Return a header's value as text, as `decode_value` does.

    Raises:
        ValueError: a percent-encoded part is no UTF-8 (`%C0%A0`).
    """
    return _PERCENT_RUN.sub(lambda match: _bytes(match).decode(), _unquote(value))


def _unquote(value: str) -> str:
    if '"' not in value:
        return value
    return _QUOTED.sub(lambda match: _BACKSLASHED.sub(r"\1", match.group(1)), value)


def _bytes(match: re.Match[str]) -> bytes:
    return bytes.fromhex(match.group().replace("%", ""))


def _decode_leniently(match: re.Match[str]) -> str:
    try:
        return _bytes(match).decode()
    except UnicodeDecodeError:
        return match.group()


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'data'}: {first['msg']}"
