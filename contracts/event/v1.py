"""What ingress decided about an event. Names, sizes and positions only: the event's data stays in its stream."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.envelope import Contract
from contracts.fields import Detail, ErrorKind, EventId, EventTypeName, Moment, Sequence, Source

Dialect = Annotated[str, Field(min_length=1, description="Wire format it came in, such as `cloudevents_binary`.")]


class EventAccepted(Contract):
    """An event was stored."""

    contract_type: ClassVar[str] = "hub.event.v1.accepted"

    event_id: EventId
    source: Source
    type: EventTypeName
    stream: Annotated[str, Field(min_length=1, description="Stream that holds it.")]
    sequence: Sequence
    duplicate: Annotated[bool, Field(description="Whether it repeats an event that was stored before.")] = False
    dialect: Dialect
    size_bytes: Annotated[int, Field(ge=0, description="Size of its data.")]
    accepted: Annotated[Moment, Field(description="When it was stored, RFC 3339 with a time zone.")]


class EventRejected(Contract):
    """An event was refused; nothing was stored."""

    contract_type: ClassVar[str] = "hub.event.v1.rejected"

    source: Source
    event_id: Annotated[str, Field(description="Id of the event; empty when it had none.")] = ""
    type: Annotated[str, Field(description="Event type; empty when it had none.")] = ""
    dialect: Dialect
    status: Annotated[int, Field(ge=400, le=599, description="HTTP status of the answer.")]
    error: ErrorKind
    detail: Detail = ""
    rejected: Annotated[Moment, Field(description="When it was refused, RFC 3339 with a time zone.")]
