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
    record_successes: bool = Field(
        False,
        description="""Record successful attempts too, for the timeline of an event;
        failures always are. Costs one message per delivery.""",
    )
