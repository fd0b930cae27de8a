"""The kind of resource that dispatch owns: Subscription, as Kyma writes it, with `delivery` and `filters` added."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from contracts.naming import PREFIX
from hub.dispatch import policy
from hub.dispatch.conversion import OLD_VERSION, converted
from hub.dispatch.filters import compile_filters
from hub.dispatch.sinking import find_refused_address, sink_of
from hub.dispatch.validation import DEFAULT_IN_FLIGHT, IN_FLIGHT, STANDARD, violations
from hub.kernel.egress import EgressRule
from hub.kernel.errors import InvalidField
from hub.kernel.resource import Column, Kind, Resource, refuse_unknown, text_map

API_VERSION = "eventing.kyma-project.io/v1alpha2"
_SPEC = frozenset({"id", "sink", "typeMatching", "source", "types", "config", "delivery", "filters", "paused"})
_TEXTS = ("id", "sink", "typeMatching", "source")


def admit_subscription(
    new: Resource, _old: Resource | None, services: Mapping[str, str] | None = None, prefix: str = PREFIX
) -> Resource:
    """Judge a Subscription of either version and fill in the defaults; an older one is converted first.

    Args:
        new: as written.
        services: see `sink_of`.
        prefix: that of prefixed event types.

    Raises:
        InvalidField: with the path; every violation is in the text and in the field `violations`.
    """
    resource = converted(new)
    spec = {name: value for name, value in resource.spec.items() if value is not None}
    refuse_unknown(spec, _SPEC, "spec")
    _check_shapes(spec)
    spec = {"typeMatching": STANDARD} | spec
    config = text_map(spec.get("config"), "spec.config")
    spec["config"] = {IN_FLIGHT: str(DEFAULT_IN_FLIGHT)} | {name: text for name, text in config.items() if text}
    found = violations(spec, resource.scope, prefix)
    if found:
        texts = [str(violation) for violation in found]
        text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        raise InvalidField(text, field=found[0].path, violations=texts)
    wishes = policy.read(spec.get("delivery"))
    compile_filters(spec.get("filters"))
    _check_sink_can(wishes, sink_of(spec["sink"], resource.scope, services).kind)
    return replace(resource, spec=spec)


def admission(
    rule: EgressRule, services: Mapping[str, str], prefix: str
) -> Callable[[Resource, Resource | None], Resource]:
    """Return the admission of Subscriptions where the settings of the hub are known.

    Args:
        rule: which addresses a sink may have.
        services: see `sink_of`.
        prefix: that of prefixed event types.
    """

    def admit(new: Resource, old: Resource | None) -> Resource:
        admitted = admit_subscription(new, old, services, prefix)
        sink = sink_of(admitted.spec["sink"], admitted.scope, services)
        refused = find_refused_address(sink.url, rule) if sink.kind == "http" else None
        if refused is not None:
            raise InvalidField(
                f"spec.sink: deliveries may not go to {refused}; choose a public address, or allow loopback or private"
                " addresses with HUB_DISPATCH__SINK_LOOPBACK or HUB_DISPATCH__SINK_PRIVATE_ADDRESSES.",
                field="spec.sink",
            )
        return admitted

    return admit


def _check_sink_can(wishes: policy.Policy, kind: str) -> None:
    """Refuse what only HTTP sinks can do, where the sink is none."""
    named = {"batch": wishes.batch, "signing": wishes.signing_secret}
    wanted = [name for name, value in named.items() if value is not None]
    if wanted and kind != "http":
        path = f"spec.delivery.{wanted[0]}"
        raise InvalidField(f"{path} needs an HTTP sink; remove it.", field=path)


def _check_shapes(spec: dict[str, Any]) -> None:
    for name in _TEXTS:
        if not isinstance(spec.get(name, ""), str):
            raise InvalidField(f"spec.{name} must be text.", field=f"spec.{name}")
    if not isinstance(spec.get("paused", False), bool):
        raise InvalidField("spec.paused must be true or false.", field="spec.paused")
    types = spec.get("types", [])
    if not isinstance(types, list):
        raise InvalidField("spec.types must be a list of texts.", field="spec.types")
    for index, entry in enumerate(types):
        if not isinstance(entry, str):
            raise InvalidField(f"spec.types[{index}] must be text.", field=f"spec.types[{index}]")


def conceal_credentials(resource: Resource) -> Resource:
    """Hide the client secret that Event Mesh manifests carry in their config; the hub itself has no use for it."""
    config = resource.spec.get("config") or {}
    if "clientSecret" not in config:
        return resource
    return replace(resource, spec=resource.spec | {"config": config | {"clientSecret": "***"}})


def _ready(resource: Resource) -> str:
    return str(resource.status.get("ready", "Unknown"))


SUBSCRIPTION = Kind(
    kind="Subscription",
    plural="subscriptions",
    api_versions=(API_VERSION, OLD_VERSION),
    admit=admit_subscription,
    short_names=("sub", "subs"),
    columns=(
        Column("Ready", _ready),
        Column("Source", lambda resource: str(resource.spec.get("source", "")) or "*"),
        Column("Types", lambda resource: ", ".join(resource.spec.get("types", []))),
        Column("Sink", lambda resource: str(resource.spec.get("sink", ""))),
        Column("Created", lambda resource: resource.created),
    ),
    conceal=conceal_credentials,
    description="A standing wish: events of these types, from this source, go to this sink.",
    fields={
        "spec.source": "Name of the Application whose events are wanted; may be empty with typeMatching exact.",
        "spec.types": "Event types, such as order.created.v1.",
        "spec.typeMatching": "standard (default), or exact: types as written, sap.kyma.custom.<app>.<type> included.",
        "spec.sink": "http(s)://…, function:NAME, function:SCOPE/NAME, http://NAME.NAMESPACE.svc.cluster.local (that"
        " Function, or a service listed in HUB_DISPATCH__SERVICE_URLS), subject:NAME (a NATS subject that a stream"
        " takes or a subscriber answers).",
        "spec.paused": "true: events are kept and none is delivered, until it is removed or false; the position stays.",
        "spec.config.maxInFlightMessages": 'Requests to the sink under way at once per worker; text, default "10".',
        "spec.delivery.maxAttempts": "Attempts before the dead letter, as far as they ended; default 10.",
        "spec.delivery.maxAge": "Age of the event past which it is not tried any more; default none.",
        "spec.delivery.timeout": "Per attempt; default 30s.",
        "spec.delivery.backoff": "policy exponential (default) or linear, initial 1s, max 5m; or schedule: [1s, 10s]."
        " jitter 0.2: the share of a pause that chance may take away.",
        "spec.delivery.finalStatusCodes": "Answers that are not tried again, besides those that never are.",
        "spec.delivery.ordering": "key: an attribute, or a JSON pointer into the data. Events with the same value are"
        " delivered one after the other, by one worker at a time; the next one after the dead letter too. Events"
        " without a value wait for nobody.",
        "spec.delivery.batch": "maxEvents 100, maxWait 50ms: one request with a CloudEvents batch, for sinks that take"
        " it; after a failure each event is sent alone, as a batch of one.",
        "spec.delivery.signing": "secretName: a Secret with `current` (whsec_…) and, while the key is changed,"
        " `previous`; deliveries are signed by Standard Webhooks.",
        "spec.delivery.circuitBreaker": "failureRatio 0.5 of the last minRequests 20 attempts opens it: after 1s,"
        " 2s, 4s and so on, openFor 30s at most, one event probes. On by default; off to leave it out.",
        "spec.filters": "CloudEvents filters, all of which must hold: exact, prefix, suffix, all, any, not, sql, data.",
        "spec.filters[].exact": "Attribute → text it equals; prefix and suffix likewise. A missing attribute fails.",
        "spec.filters[].all": "List of filters that all hold; any: one at least; not: a filter that does not hold.",
        "spec.filters[].sql": "CloudEvents SQL, such as type LIKE 'order.%' AND INT(priority) > 3. Errors fail.",
        "spec.filters[].data": 'JSON pointer into the data → conditions: {"/order/total": {"gt": 100, "lte": 500}}.'
        " exact (any JSON value), prefix, suffix, exists (true, false), gt, gte, lt, lte (numbers).",
    },
)

KINDS = (SUBSCRIPTION,)
