"""Subscriptions of the older version `v1alpha1` (filter style), as the version that is stored. Pure.

Types stay as written where upstream cleans them: the segments of a business object, once merged, could not be told
apart again, and legacy events are stored under them. The status shows upstream's clean form.

Source: kyma-project/kyma:components/eventing-controller/api/v1alpha1/subscription_conversion.go@2.20.0.
"""

from dataclasses import replace
from typing import Any

from hub.dispatch.listening import EXACT
from hub.dispatch.validation import IN_FLIGHT
from hub.kernel.errors import InvalidField
from hub.kernel.resource import Resource, need_map, need_text, refuse_unknown

OLD_VERSION = "eventing.kyma-project.io/v1alpha1"
_OLD_SPEC = frozenset({"id", "protocol", "protocolsettings", "sink", "filter", "config"})
_SETTINGS = frozenset({"contentMode", "exemptHandshake", "qos", "webhookAuth"})
_AUTH = frozenset({"type", "grantType", "clientId", "clientSecret", "tokenUrl", "scope"})


def converted(resource: Resource) -> Resource:
    """Return a `v1alpha1` Subscription as `v1alpha2`; any other as it is.

    Raises:
        InvalidField, MissingField: a field that the old version does not have, or filters of several sources.
    """
    if resource.api_version != OLD_VERSION:
        return resource
    old = {name: value for name, value in resource.spec.items() if value is not None}
    refuse_unknown(old, _OLD_SPEC, "spec")
    source, types = _filter(old.get("filter"))
    spec: dict[str, Any] = {name: old[name] for name in ("id", "sink") if name in old}
    spec |= {"typeMatching": EXACT, "source": source, "types": types}
    config = _config(old)
    return replace(resource, spec=spec | ({"config": config} if config else {}))


def _filter(given: Any) -> tuple[str, list[str]]:
    path = "spec.filter"
    filters = need_map(given, path)
    refuse_unknown(filters, {"dialect", "filters"}, path)
    entries = filters.get("filters") or []
    if not isinstance(entries, list):
        raise InvalidField(f"{path}.filters must be a list.", field=f"{path}.filters")
    sources: list[str] = []
    types: list[str] = []
    for index, entry in enumerate(entries):
        place = f"{path}.filters[{index}]"
        both = need_map(entry, place)
        refuse_unknown(both, {"eventSource", "eventType"}, place)
        sources.append(_value(both.get("eventSource"), f"{place}.eventSource", may_be_empty=True))
        types.append(_value(both.get("eventType"), f"{place}.eventType"))
    if len(set(sources)) > 1:
        raise InvalidField("subscription contains more than 1 eventSource", field=path)
    return (sources or [""])[0], list(dict.fromkeys(types))


def _value(given: Any, path: str, *, may_be_empty: bool = False) -> str:
    part = need_map(given, path)
    refuse_unknown(part, {"type", "property", "value"}, path)
    if part.get("type") not in (None, "", "exact"):
        raise InvalidField(f"{path}.type must be exact.", field=f"{path}.type")
    if may_be_empty and part.get("value") == "":
        return ""
    return need_text(part.get("value"), f"{path}.value")


def _config(old: dict[str, Any]) -> dict[str, str]:
    own = need_map(old.get("config") or {}, "spec.config")
    refuse_unknown(own, {IN_FLIGHT}, "spec.config")
    config = {IN_FLIGHT: str(own[IN_FLIGHT])} if own.get(IN_FLIGHT) is not None else {}
    settings = need_map(old.get("protocolsettings") or {}, "spec.protocolsettings")
    refuse_unknown(settings, _SETTINGS, "spec.protocolsettings")
    auth = need_map(settings.get("webhookAuth") or {}, "spec.protocolsettings.webhookAuth")
    refuse_unknown(auth, _AUTH, "spec.protocolsettings.webhookAuth")
    plain = {name: value for name, value in settings.items() if name != "webhookAuth"}
    named = {"protocol": old.get("protocol")} | plain | auth
    return config | {name: _text(value) for name, value in sorted(named.items()) if value not in (None, "")}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
