"""Settings of dispatch."""

from pydantic import BaseModel, Field

from contracts.naming import PREFIX


class DispatchSettings(BaseModel):
    """How events are delivered; what a Subscription says in `spec.delivery` is its own matter."""

    ack_wait_seconds: float = Field(6, ge=0.2, description="""Seconds after which nats-server hands an event to another
        worker when this one neither acknowledged it nor said that it is at work on it. Workers say so at a quarter of
        this time, so slow sinks are no reason to raise it; it is the time that passes after a worker was killed. The
        worker that runs a Function is taken for dead after the same time without a sign of life of it.""")
    lease_seconds: float = Field(3, ge=0.2, description="""Seconds after its last sign of life for which a worker alone
        delivers the events of a Subscription with `delivery.ordering`; another one takes over after that. Workers give
        a sign of life at a quarter of this time. One that cannot, because the event store is away for longer, stops
        such deliveries until it can.""")
    max_ack_pending: int = Field(10_000, ge=1, description="""Most events per Subscription that are under way or wait
        for a retry, over all workers; while there are more, no further events are handed out.""")
    held_events: int = Field(1000, ge=1, description="""Most events per Subscription with `delivery.ordering` that a
        worker keeps in memory because an earlier one of their key is not done. When they are reached, events of other
        keys wait too.""")
    retry_after_limit_seconds: float = Field(3600, ge=0, description="""Longest pause that a sink may ask for by
        `Retry-After`; more is cut to this.""")
    most_lost: int = Field(10, ge=1, description="""How often an event may be handed to a worker that then ends without
        a word (killed, or the machine failed) before it is given up as a dead letter. Such deliveries are no attempts:
        `maxAttempts` counts those that ended.""")
    chain_limit: int = Field(16, ge=1, description="""Through how many Functions a chain of events may come: an event
        that was published in answer to an event, and so on, more often than this is not handed to a Function any more
        but becomes a dead letter (`chain-too-deep`), so that Functions which call each other in a circle come to an
        end. An event that an operator replays is handed out whatever its depth.""")
    record_successes: bool = Field(False, description="""Record successful attempts too, for the timeline of an event;
        failures always are. Costs one message per delivery.""")
    sweep_seconds: float = Field(60, gt=0, description="""Pause between looks for consumers that no Subscription has any
        more, left by a worker that was killed between the removal of the one and of the other.""")
    sink_loopback: bool = Field(True, description="""Whether HTTP sinks may be on this machine (127.0.0.0/8, ::1); on
        for development, switch it off on a machine with other services.""")
    sink_private_addresses: bool = Field(False, description="""Whether HTTP sinks may have private addresses (10.0.0.0/8
        and the like). Off, because whoever writes a Subscription chooses the address. Link-local addresses, where
        clouds answer with credentials, are refused in any case.""")
    event_type_prefix: str | None = Field(None, description="""Prefix of prefixed event types in Subscriptions. Absent:
        `HUB_INGRESS__EVENT_TYPE_PREFIX`, which it should equal.""")
    service_urls: dict[str, str] = Field({}, description="""Where services of the cluster are that manifests name as
        sinks: `{"orders.shop": "http://10.0.0.7:8080"}` for `http://orders.shop.svc.cluster.local`. Such a sink that is
        not listed means the Function of that name.""")

    @property
    def prefix(self) -> str:
        """Return the prefix of prefixed event types."""
        return PREFIX if self.event_type_prefix is None else self.event_type_prefix
