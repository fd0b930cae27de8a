"""Whether a Subscription's spec is acceptable, told in upstream's words. Pure.

Differences, on purpose: any HTTP address may be a sink, not only a service of the cluster, and so may
`function:NAME` and `subject:NAME`.

Source: kyma-project/eventing-manager, internal/controller/eventing/subscription/validator.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from contracts.naming import PREFIX, clean_type
from hub.dispatch.listening import EXACT
from hub.dispatch.sinking import CLUSTER_SUFFIX, find_subject_fault, host_of, is_function, is_in_cluster, is_subject

STANDARD = "standard"
IN_FLIGHT = "maxInFlightMessages"
DEFAULT_IN_FLIGHT = 10
_CLUSTER_LABELS = 5
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
_QOS = {"AT_LEAST_ONCE", "AT_MOST_ONCE"}
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_CREDENTIALS = (("type", "Auth Type", "oauth2"), ("grantType", "Grant Type", "client_credentials"))


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong: where, with which value, why."""

    path: str
    value: str
    detail: str

    def __str__(self) -> str:
        """Render as Kubernetes does."""
        return f'{self.path}: Invalid value: "{self.value}": {self.detail}'


def violations(spec: dict[str, Any], scope: str, prefix: str = PREFIX) -> list[Violation]:
    """Return what is wrong with a spec whose fields have the right shapes; the first of each group, config all.

    Args:
        spec: with `typeMatching` filled in.
        scope: that of the Subscription.
        prefix: that of prefixed event types.
    """
    exact = spec["typeMatching"] == EXACT
    groups: list[Iterable[Violation]] = [
        _first(_of_type_matching(spec["typeMatching"])),
        _first(_of_source(spec.get("source", ""), exact=exact)),
        _first(_of_types(spec.get("types") or [], prefix, exact=exact)),
        _of_config(spec.get("config") or {}),
        _first(_of_sink(spec.get("sink", ""), scope)),
    ]
    return [violation for group in groups for violation in group]


def _first(found: Iterator[Violation]) -> list[Violation]:
    return [violation for violation in [next(found, None)] if violation is not None]


def _of_type_matching(value: str) -> Iterator[Violation]:
    if value not in (STANDARD, EXACT):
        yield Violation("spec.typeMatching", value, "must be a valid TypeMatching value exact or standard")


def _of_source(source: str, *, exact: bool) -> Iterator[Violation]:
    if not source and not exact:
        yield Violation("spec.source", source, "must not be empty")
    if source and not is_reference(source):
        yield Violation("spec.source", source, "must be valid as per RFC 3986")


def is_reference(text: str) -> bool:
    """Say whether a text is a URI reference, as lenient as Go's parser, which upstream asks."""
    if _BAD_ESCAPE.search(text) or _CONTROL.search(text) or not text.strip():
        return False
    first_segment = re.split(r"[/?#]", text, maxsplit=1)[0]
    return ":" not in first_segment or bool(_SCHEME.match(first_segment.partition(":")[0]))


def _of_types(types: list[str], prefix: str, *, exact: bool) -> Iterator[Violation]:
    if not types:
        yield Violation("spec.types", "", "must not be empty")
    twice = [name for index, name in enumerate(types) if name in types[:index]]
    if twice:
        yield Violation("spec.types", ",".join(dict.fromkeys(twice)), "must not have duplicate types")
    for name in types:
        if not name:
            yield Violation("spec.types", name, "must not be of length zero")
        if name.strip() and len(name.split(".")) < 2:
            yield Violation("spec.types", name, "must have minimum 2 segments")
        if prefix and name.startswith(prefix) and not exact:
            yield Violation("spec.types", name, f"must not have {prefix} as type prefix")
        if not name.strip() or _CONTROL.search(name):
            yield Violation("spec.types", name, "must be valid as per RFC 3986")
        if "" in (name if exact else clean_type(name)).split("."):
            yield Violation("spec.types", name, "must not have empty segments after cleaning")


def _of_config(config: dict[str, str]) -> Iterator[Violation]:
    in_flight = config.get(IN_FLIGHT)
    if in_flight and not _INTEGER.fullmatch(in_flight):
        yield Violation("spec.config", in_flight, f"{IN_FLIGHT} must be a stringified int value")
    qos = config.get("qos")
    if qos is not None and qos.replace("-", "_") not in _QOS:
        yield Violation("spec.config", qos, "must be a valid QoS value AT_LEAST_ONCE or AT_MOST_ONCE")
    for key, title, only in _CREDENTIALS:
        value = config.get(key)
        if value is not None and value != only:
            yield Violation("spec.config", value, f"must be a valid {title} value {only}")


def _of_sink(sink: str, scope: str) -> Iterator[Violation]:
    if not sink:
        yield Violation("spec.sink", sink, "must not be empty")
        return
    if is_function(sink):
        return
    if is_subject(sink):
        fault = find_subject_fault(sink)
        if fault is not None:
            yield Violation("spec.sink", sink, fault)
        return
    if not sink.startswith(("http://", "https://")):
        yield Violation("spec.sink", sink, "must have URL scheme 'http' or 'https'")
        return
    try:
        host = host_of(sink)
    except ValueError as error:
        yield Violation("spec.sink", sink, f'failed to parse subscription sink URL: parse "{sink}": {error}')
        return
    if is_in_cluster(host):
        yield from _of_service(sink, host, scope)


def _of_service(sink: str, host: str, scope: str) -> Iterator[Violation]:
    labels = host.split(".")
    if len(labels) != _CLUSTER_LABELS or not host.endswith(f".{CLUSTER_SUFFIX}"):
        yield Violation("spec.sink", sink, f"must have sink URL with {_CLUSTER_LABELS} sub-domains: {host}")
    elif labels[1] != scope:
        yield Violation("metadata.namespace", scope, f"must have the same namespace as the subscriber: {labels[1]}")


def in_flight_of(config: dict[str, str]) -> int:
    """Return how many deliveries may be under way at once; whatever is no positive number means the default."""
    text = config.get(IN_FLIGHT, "")
    number = int(text) if _INTEGER.fullmatch(text) else 0
    return number if number >= 1 else DEFAULT_IN_FLIGHT
