"""What became of the event catalog, and the entry that other rooms read from its bucket."""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.envelope import Contract
from contracts.fields import ApplicationName, EventTypeName, Moment, ServiceId

PayloadCheck = Annotated[
    Literal["off", "warn", "quarantine", "reject"] | None,
    Field(description="What happens to data that breaks the schema; null leaves it to the hub's setting."),
]
ShortName = Annotated[str, Field(description="The event type without its version, such as `order.created`.")]
TypeVersion = Annotated[str, Field(description="The event type's version, such as `v1`; empty when it has none.")]
Summary = Annotated[str, Field(description="What the event says, in one line; empty when not given.")]


# Dots separate tokens in a key, so those within a part become slashes; every other byte that a key may not hold becomes
# `=` and two digits.
_TO_ESCAPE = re.compile(r"[^-_.a-zA-Z0-9]")
_ESCAPED = re.compile(r"(?:=[0-9A-F]{2})+")


def entry_key(application: str, event_type: str) -> str:
    """Return the key of an event type in the bucket `eventtypes`: `<application>.<event type>`, dots as slashes."""
    return f"{_key_part(application)}.{_key_part(event_type)}"


def split_entry_key(key: str) -> tuple[str, str]:
    """Return application and event type of a key; the inverse of `entry_key`.

    Raises:
        ValueError: an escaped part of the key is no UTF-8.
    """
    application, _, event_type = key.partition(".")
    return _read_part(application), _read_part(event_type)


def _key_part(text: str) -> str:
    escaped = _TO_ESCAPE.sub(lambda match: "".join(f"={byte:02X}" for byte in match.group().encode()), text)
    return escaped.replace(".", "/")


def _read_part(part: str) -> str:
    return _ESCAPED.sub(lambda match: bytes.fromhex(match.group().replace("=", "")).decode(), part.replace("/", "."))


class EventTypePublished(Contract):
    """An event type is in the catalog, newly or in a changed form."""

    contract_type: ClassVar[str] = "hub.catalog.v1.published"

    application: ApplicationName
    service_id: ServiceId
    type: EventTypeName
    name: ShortName
    type_version: TypeVersion = ""
    summary: Summary = ""
    has_schema: Annotated[bool, Field(description="Whether the data has a schema.")] = False
    payload_check: PayloadCheck = None
    change: Annotated[Literal["added", "changed"], Field(description="Whether the catalog had it before.")] = "added"


class EventTypeWithdrawn(Contract):
    """An event type is no longer in the catalog."""

    contract_type: ClassVar[str] = "hub.catalog.v1.withdrawn"

    application: ApplicationName
    service_id: ServiceId
    type: EventTypeName


class SpecStored(Contract):
    """The specification of a Service was stored; its name in the object store is `specs/<application>/<id>/<form>`."""

    contract_type: ClassVar[str] = "hub.catalog.v1.stored"

    application: ApplicationName
    service_id: ServiceId
    form: Annotated[Literal["openapi", "odata", "asyncapi", "docs"], Field(description="What it specifies, and how.")]
    size_bytes: Annotated[int, Field(ge=0, description="Size of the stored document.")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="Hash of the stored document.")]


class ObservedType(BaseModel):
    """How often one event type was posted."""

    model_config = ConfigDict(frozen=True)

    application: Annotated[str, Field(description="Who posted it, as the event's source says.")]
    type: EventTypeName
    count: Annotated[int, Field(ge=1, description="Events since the report before.")]
    last: Annotated[Moment, Field(description="When the last one was stored, RFC 3339 with a time zone.")]


class EventTypesObserved(Contract):
    """Event types were posted that are in no catalog; one summary of one process for a few seconds."""

    contract_type: ClassVar[str] = "hub.catalog.v1.observed"

    reporter: Annotated[str, Field(min_length=1, description="The process that counted; new with each start.")]
    number: Annotated[int, Field(ge=1, description="Which report of this process; a repeated one counts once.")]
    types: Annotated[tuple[ObservedType, ...], Field(description="What was posted, at most a thousand types.")]
    further: Annotated[int, Field(ge=0, description="Events of yet other types, beyond the thousand.")] = 0


class EventTypeEntry(BaseModel):
    """An event type as the bucket `eventtypes` holds it. Not an event: state, read by whoever accepts events."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    application: ApplicationName
    service_id: ServiceId
    type: EventTypeName
    name: ShortName
    version: TypeVersion = ""
    summary: Summary = ""
    data_schema: Annotated[
        dict[str, Any] | bool | None, Field(description="JSON Schema of the data, references resolved within itself.")
    ] = None
    examples: Annotated[tuple[Any, ...], Field(description="Example data as the Application gave it.")] = ()
    payload_check: PayloadCheck = None
    owner: Annotated[str, Field(description="Whom to ask; empty when the specification does not say.")] = ""
    spec_version: Annotated[str, Field(description="Version of the specification; empty when it has none.")] = ""

    def encode(self) -> bytes:
        """Return the entry as the bucket stores it."""
        return self.model_dump_json().encode()

    @classmethod
    def decode(cls, raw: bytes) -> "EventTypeEntry":
        """Return the entry of stored bytes.

        Raises:
            ValueError: they are no entry (pydantic's ValidationError is one).
        """
        return cls.model_validate_json(raw)
