"""What became of one event on its way to one Subscription. Names and positions only, never the event's data."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.envelope import Contract
from contracts.fields import (
    Attempt,
    Detail,
    ErrorKind,
    EventId,
    EventTypeName,
    Scope,
    Seconds,
    Sequence,
    Source,
    Status,
    SubscriptionName,
)

DeadSequence = Annotated[int, Field(ge=0, description="Position of the dead letter; 0 when not known.")]
By = Annotated[str, Field(description="Who asked for it; empty when not known.")]


class Delivery(Contract):
    """What every delivery event says: which event, to which Subscription. No contract by itself."""

    scope: Scope
    subscription: SubscriptionName
    event_id: EventId
    source: Source
    type: EventTypeName
    sequence: Sequence = 0


class DeliverySucceeded(Delivery):
    """The sink took the event."""

    contract_type: ClassVar[str] = "hub.delivery.v1.succeeded"

    attempt: Attempt
    status: Status = None
    seconds: Seconds


class DeliveryFailed(Delivery):
    """An attempt failed and another one follows."""

    contract_type: ClassVar[str] = "hub.delivery.v1.failed"

    attempt: Attempt
    status: Status = None
    seconds: Seconds
    error: ErrorKind
    detail: Detail = ""
    wait_for_seconds: Annotated[float, Field(ge=0, description="Pause before the next attempt, in seconds.")]


class EventDeadLettered(Delivery):
    """A delivery was given up; the event is kept as a dead letter and can be replayed."""

    contract_type: ClassVar[str] = "hub.delivery.v1.dead_lettered"

    attempts: Annotated[int, Field(ge=0, description="Attempts made; 0 when it was given up without one.")]
    status: Status = None
    error: ErrorKind
    detail: Detail = ""
    dead_sequence: DeadSequence = 0


class DeliveryReplayed(Delivery):
    """An event is delivered again, to this Subscription only."""

    contract_type: ClassVar[str] = "hub.delivery.v1.replayed"

    origin: Annotated[
        Literal["dead_letters", "events"], Field(description="Whether a dead letter or the event's stream was read.")
    ]
    by: By = ""
    dead_sequence: DeadSequence = 0
    replay_sequence: Annotated[
        int, Field(ge=0, description="Position at which the event was stored again; 0 when not known.")
    ] = 0
    edited: Annotated[bool, Field(description="Whether its data was changed before.")] = False


class DeadLetterDropped(Delivery):
    """A dead letter is removed for good; the event is not delivered to this Subscription."""

    contract_type: ClassVar[str] = "hub.delivery.v1.dropped"

    dead_sequence: DeadSequence
    by: By = ""
