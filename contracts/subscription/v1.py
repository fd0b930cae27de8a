"""What became of a Subscription. Hints: the bucket of Subscriptions is the state."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.envelope import Contract
from contracts.fields import Generation, Revision, Scope, Sink, SubscriptionName

SourceFilter = Annotated[str, Field(description="Whose events it wants; empty for any source.")]
Types = Annotated[tuple[str, ...], Field(description="The event types it wants, as written.")]


class SubscriptionCreated(Contract):
    """A Subscription came into being."""

    contract_type: ClassVar[str] = "hub.subscription.v1.created"

    scope: Scope
    name: SubscriptionName
    source: SourceFilter = ""
    types: Types
    sink: Sink
    generation: Generation = 1
    revision: Revision = 0


class SubscriptionChanged(Contract):
    """A Subscription wants something else, or elsewhere, than before."""

    contract_type: ClassVar[str] = "hub.subscription.v1.changed"

    scope: Scope
    name: SubscriptionName
    source: SourceFilter = ""
    types: Types
    sink: Sink
    generation: Generation = 1
    revision: Revision = 0


class SubscriptionPaused(Contract):
    """A Subscription's deliveries stopped; its position is kept."""

    contract_type: ClassVar[str] = "hub.subscription.v1.paused"

    scope: Scope
    name: SubscriptionName
    reason: Annotated[
        Literal["requested", "breaker_open", "sink_gone"], Field(description="Who or what stopped it.")
    ] = "requested"


class SubscriptionResumed(Contract):
    """A Subscription's deliveries go on from where they stopped."""

    contract_type: ClassVar[str] = "hub.subscription.v1.resumed"

    scope: Scope
    name: SubscriptionName


class SubscriptionRemoved(Contract):
    """A Subscription was removed, its position with it; its dead letters stay."""

    contract_type: ClassVar[str] = "hub.subscription.v1.removed"

    scope: Scope
    name: SubscriptionName
