"""What a Subscription means for delivery: its consumer's filter subjects, its sink, filters and policy. Pure.

A Plan is made once per change of the Subscription, so that nothing is worked out per event.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts import subjects
from hub.dispatch import policy
from hub.dispatch.conversion import PREFIX
from hub.dispatch.filters import compile_filters
from hub.dispatch.filters.candidate import Predicate
from hub.dispatch.model import Sink
from hub.dispatch.policy import Policy
from hub.dispatch.sinking import sink_of
from hub.dispatch.validation import EXACT, in_flight_of
from hub.kernel.resource import Resource

# What upstream removes from a type before it becomes a subject; ours are encoded instead, the status tells upstream's.
_UNCLEAN = re.compile(r"[\s>*/\\]")
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
    filters: tuple[Predicate, ...] = field(default=(), compare=False)
    """All must hold; what they refuse is passed over and counted."""
    spec: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def label(self) -> str:
        """Return `<scope>/<name>`, as logs and metrics show it."""
        return f"{self.scope}/{self.name}"

    @property
    def key(self) -> str:
        """Return the Subscription's key in its bucket."""
        return subjects.key(self.scope, self.name)


def plan_of(resource: Resource, services: Mapping[str, str] | None = None) -> Plan:
    """Return the plan of an admitted Subscription.

    Args:
        resource: as stored.
        services: see `sink_of`.

    Raises:
        InvalidField: the stored spec is of a version that this worker cannot read.
    """
    spec = resource.spec
    return Plan(
        scope=resource.scope,
        name=resource.name,
        uid=resource.uid,
        generation=resource.generation,
        created=resource.created,
        durable=subjects.durable(resource.scope, resource.name),
        filter_subjects=filter_subjects_of(resource),
        sink=sink_of(spec["sink"], resource.scope, services),
        policy=policy.read(spec.get("delivery")),
        concurrency=in_flight_of(spec.get("config") or {}),
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


def filter_subjects_of(resource: Resource) -> tuple[str, ...]:
    """Return the subjects of the consumer: one per type, without overlaps, and that of replays to this Subscription."""
    spec = resource.spec
    source, exact = spec.get("source", ""), spec["typeMatching"] == EXACT
    wanted = sorted({_subject(name, source, exact=exact) for name in spec["types"]})
    anywhere = {subject for subject in wanted if subject.startswith("events.*.")}
    kept = [subject for subject in wanted if subject in anywhere or _of_any_source(subject) not in anywhere]
    return (*kept, subjects.replay(resource.scope, resource.name))


def _subject(event_type: str, source: str, *, exact: bool) -> str:
    """Return the subject of one type; upstream's prefixed names hold the source between prefix and type."""
    if exact and event_type.startswith(f"{PREFIX}."):
        source, _, event_type = event_type.removeprefix(f"{PREFIX}.").partition(".")
    return subjects.event(source, event_type) if source else subjects.events_of_type(event_type)


def _of_any_source(subject: str) -> str:
    root, _, rest = subject.split(".", 2)
    return f"{root}.*.{rest}"


def clean_type(name: str, *, exact: bool) -> str:
    """Return what upstream's status shows as the clean type.

    Source: kyma-project/eventing-manager:pkg/backend/cleaner/jetstream.go.
    """
    return name if exact else _UNCLEAN.sub("", name)
