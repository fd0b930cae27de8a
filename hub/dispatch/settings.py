"""Settings of dispatch."""

from pydantic import BaseModel, Field


class DispatchSettings(BaseModel):
    """How events are delivered; what a Subscription says in `spec.delivery` is its own matter."""

    ack_wait_seconds: float = Field(
        10,
        ge=0.2,
        description="""Seconds after which nats-server hands an event to another
        worker when this one neither acknowledged it nor said that it is at work on it. Workers say so at half of this
        time, so slow sinks are no reason to raise it; it is the time that passes after a worker was killed.""",
    )
    pull_expires_seconds: float = Field(
        20,
        ge=1,
        description="""Seconds a request for events stays open at nats-server
        before it is renewed. A request that was lost unnoticed is renewed after this time.""",
    )
    max_ack_pending: int = Field(
        10_000,
        ge=1,
        description="""Most events per Subscription that are under way or wait
        for a retry; while there are more, no further events are handed out.""",
    )
    retry_after_limit_seconds: float = Field(
        86_400,
        ge=0,
        description="""Longest pause that a sink may ask for by
        `Retry-After`; more is cut to this.""",
    )
    dead_letter_retry_seconds: float = Field(
        5,
        gt=0,
        description="""Pause before the next try when a dead letter could
        not be stored; until it is, the event is not given up.""",
    )
    record_successes: bool = Field(
        False,
        description="""Record successful attempts too, for the timeline of an event;
        failures always are. Costs one message per delivery.""",
    )
    reconcile_seconds: float = Field(
        2,
        gt=0,
        description="""Pause before a Subscription whose consumer could not be
        made is tried again.""",
    )
