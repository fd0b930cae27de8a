"""The record of one attempt, as it lies in the stream ATTEMPTS. No contract event: it is read, never subscribed to."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class AttemptRecord(BaseModel):
    """One attempt to deliver one event to one Subscription: failures always, successes when asked for."""

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(description="Id of the event.")]
    source: Annotated[str, Field(description="Who emitted it.")]
    type: Annotated[str, Field(description="Its type.")]
    sequence: Annotated[int, Field(ge=0, description="Its position in the stream EVENTS.")]
    scope: Annotated[str, Field(description="Scope of the Subscription.")]
    subscription: Annotated[str, Field(description="Name of the Subscription.")]
    attempt: Annotated[int, Field(ge=0, description="Counted from 1; 0 when it was given up without an attempt.")]
    at: Annotated[str, Field(description="When it ended: RFC 3339, UTC, milliseconds.")]
    status: Annotated[int | None, Field(description="Status of the answer; null when none came.")] = None
    seconds: Annotated[float, Field(ge=0, description="How long it took.")] = 0.0
    outcome: Annotated[Literal["ack", "retry", "dead_letter"], Field(description="What followed.")]
    kind: Annotated[str, Field(description="Kind of the failure, such as `final-status`.")] = ""
    error: Annotated[str, Field(description="The failure in one sentence.")] = ""
    excerpt: Annotated[str, Field(description="The beginning of the sink's answer, of a failure.")] = ""
    next_at: Annotated[str, Field(description="When the next attempt is due: RFC 3339; empty when none is.")] = ""

    def encoded(self) -> bytes:
        """Return the record as JSON."""
        return self.model_dump_json().encode()
