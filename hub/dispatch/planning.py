"""What a Subscription means for delivery: its consumer's filter subjects, its sink, filters and policy. Pure.

A Plan is made once per change of the Subscription, so that nothing is worked out per event.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts import subjects
from contracts.naming import PREFIX
from hub.dispatch import policy
from hub.dispatch.filters import compile_filters
from hub.dispatch.filters.candidate import Predicate
from hub.dispatch.listening import Listening, listening_of
from hub.dispatch.model import Sink
from hub.dispatch.policy import Policy
from hub.dispatch.sinking import sink_of
from hub.dispatch.validation import in_flight_of
from hub.kernel.resource import Resource

_MOST_SLOTS = 10_000


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that delivering to one Subscription needs."""

    scope: str
    name: str
    uid: str
    generation: int
    created: str
    durable: str
    """Name of its consumer."""
    filter_subjects: tuple[str, ...]
    sink: Sink
    policy: Policy
    concurrency: int
    """Most requests to the sink under way at once."""
    is_paused: bool = False
    listening: Listening = field(default=Listening(), compare=False)
    """Whose events on the filter subjects are wanted."""
    filters: tuple[Predicate, ...] = field(default=(), compare=False)
    """All must hold; what they refuse is passed over and counted."""
    spec: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_choosy(self) -> bool:
        """Say whether events that nats-server hands out may be unwanted all the same."""
        return bool(self.filters or self.listening.owned)

    @property
    def label(self) -> str:
        """Return `<scope>/<name>`, as logs and metrics show it."""
        return f"{self.scope}/{self.name}"

    @property
    def key(self) -> str:
        """Return the Subscription's key in its bucket."""
        return subjects.key(self.scope, self.name)


def plan_of(resource: Resource, services: Mapping[str, str] | None = None, prefix: str = PREFIX) -> Plan:
    """Return the plan of an admitted Subscription.

    Args:
        resource: as stored.
        services: see `sink_of`.

    Raises:
        InvalidField: the stored spec is of a version that this worker cannot read.
    """
    spec = resource.spec
    listening = listening_of(spec, prefix)
    return Plan(
        scope=resource.scope,
        name=resource.name,
        uid=resource.uid,
        generation=resource.generation,
        created=resource.created,
        durable=subjects.durable(resource.scope, resource.name),
        filter_subjects=(*listening.subjects, subjects.replay(resource.scope, resource.name)),
        sink=sink_of(spec["sink"], resource.scope, services),
        policy=policy.read(spec.get("delivery")),
        concurrency=in_flight_of(spec.get("config") or {}),
        listening=listening,
        is_paused=bool(spec.get("paused", False)),
        filters=compile_filters(spec.get("filters")),
        spec=spec,
    )


def slots_of(plan: Plan, most_held: int) -> int:
    """Return how many events one worker may have in hand: those under way, and those that wait for their key."""
    if plan.is_paused:
        return 0
    if plan.policy.batch is not None:
        return min(plan.concurrency * plan.policy.batch.max_events, _MOST_SLOTS)
    held = most_held if plan.policy.ordering_key is not None else 0
    return min(plan.concurrency + held, _MOST_SLOTS)
