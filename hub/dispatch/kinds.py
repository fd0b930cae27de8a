"""The kind of resource that dispatch owns: Subscription, as Kyma writes it, with `delivery` and `filters` added."""

from dataclasses import replace
from typing import Any

from hub.dispatch import policy
from hub.dispatch.conversion import OLD_VERSION, converted
from hub.dispatch.filters import compile_filters
from hub.dispatch.validation import DEFAULT_IN_FLIGHT, IN_FLIGHT, STANDARD, violations
from hub.kernel.errors import InvalidField
from hub.kernel.resource import Column, Kind, Resource, refuse_unknown, text_map

API_VERSION = "eventing.kyma-project.io/v1alpha2"
_SPEC = frozenset({"id", "sink", "typeMatching", "source", "types", "config", "delivery", "filters"})
_TEXTS = ("id", "sink", "typeMatching", "source")


def admit_subscription(new: Resource, _old: Resource | None) -> Resource:
    """Judge a Subscription of either version and fill in the defaults; an older one is converted first.

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
    found = violations(spec, resource.scope)
    if found:
        texts = [str(violation) for violation in found]
        text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        raise InvalidField(text, field=found[0].path, violations=texts)
    policy.read(spec.get("delivery"))
    compile_filters(spec.get("filters"))
    return replace(resource, spec=spec)


def _check_shapes(spec: dict[str, Any]) -> None:
    for name in _TEXTS:
        if not isinstance(spec.get(name, ""), str):
            raise InvalidField(f"spec.{name} must be text.", field=f"spec.{name}")
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
        "spec.sink": "http(s)://…, function:NAME, function:SCOPE/NAME, http://NAME.NAMESPACE.svc.cluster.local.",
        "spec.config.maxInFlightMessages": 'Deliveries under way at once per worker; text, default "10".',
        "spec.delivery.maxAttempts": "Attempts before the dead letter; default 10.",
        "spec.delivery.maxAge": "Age of the event past which no attempt is scheduled; default none.",
        "spec.delivery.timeout": "Per attempt; default 30s.",
        "spec.delivery.backoff": "policy exponential (default) or linear, initial 1s, max 5m; or schedule: [1s, 10s]."
        " jitter 0.2: the share of a pause that chance may take away.",
        "spec.delivery.finalStatusCodes": "Answers that are not tried again, besides those that never are.",
        "spec.filters": "CloudEvents filters, all of which must hold: exact, prefix, suffix, all, any, not, sql, data.",
        "spec.filters[].exact": "Attribute → text it equals; prefix and suffix likewise. A missing attribute fails.",
        "spec.filters[].all": "List of filters that all hold; any: one at least; not: a filter that does not hold.",
        "spec.filters[].sql": "CloudEvents SQL, such as type LIKE 'order.%' AND INT(priority) > 3. Errors fail.",
        "spec.filters[].data": 'JSON pointer into the data → conditions: {"/order/total": {"gt": 100, "lte": 500}}.'
        " exact (any JSON value), prefix, suffix, exists (true, false), gt, gte, lt, lte (numbers).",
    },
)

KINDS = (SUBSCRIPTION,)
