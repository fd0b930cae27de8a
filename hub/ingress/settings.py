"""Settings of ingress."""

from typing import Literal

from pydantic import BaseModel, Field

from contracts.naming import PREFIX


class Allowance(BaseModel):
    """How much an application may post, in each process that accepts events."""

    events_per_second: float | None = Field(None, gt=0, description="""Events per second in the long run; more are
        answered 429 with `Retry-After`. Absent: as many as the hub can store.""")
    burst: int | None = Field(None, ge=1, description="""Events at once after a pause. Absent: one second's worth.""")
    event_bytes: int | None = Field(None, ge=1, description="""Bytes of one event's data; larger ones are answered
        413. Absent: the limits of the bodies alone.""")


class IngressSettings(BaseModel):
    """What ingress accepts."""

    body_limit_bytes: int = Field(65536, ge=1, description="""Largest body of one posted event, in bytes; larger ones
        are answered 413. Kyma's own default.""")
    batch_limit_bytes: int = Field(1024 * 1024, ge=1, description="""Largest body of a batch, in bytes.""")
    batch_limit_events: int = Field(1000, ge=1, description="""Most events in one batch.""")
    payload_check: Literal["off", "warn", "quarantine", "reject"] = Field("warn", description="""What happens to an
        event whose data breaks the schema of its type, where the type itself (`x-payload-check` in its specification)
        does not say. `warn` counts it and says so in the answer; `quarantine` stores it aside, undelivered, until
        `hub catalog quarantine release`; `reject` answers 422. Kyma's clients expect to be accepted.""")
    unknown_report_seconds: float = Field(5, gt=0, description="""Seconds between two reports of event types that are
        posted but in no catalog; counting costs nothing per event but a look-up. What was counted since the last
        report is lost when the process is killed.""")
    event_type_prefix: str = Field(PREFIX, description="""Prefix of fully qualified event types, as older
        Kyma publishers send them.""")
    publish_timeout_seconds: float = Field(5, gt=0, description="""Seconds to wait for the event store's
        acknowledgement before the answer is 503.""")
    function_source: Literal["identity", "own"] = Field("identity", description="""The source of what a Function
        publishes. `identity`: `scope/name` of the Function, whatever its event says. `own`: what its event says, as in
        Kyma, so that Subscriptions written there go on matching; the name of an Application is refused (403).""")
    limit: Allowance = Field(default_factory=Allowance, description="""What every application may post that `limits`
        does not name.""")
    limits: dict[str, Allowance] = Field(default_factory=dict, description="""Allowances by application, as JSON:
        `{"shop": {"events_per_second": 200}}`.""")
    webhook_rate_per_minute: int | None = Field(None, ge=1, description="""Rate granted in the CloudEvents webhook
        handshake. Absent: `*`, any.""")
