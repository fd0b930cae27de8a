"""Names of event types and their sources, as Kyma's publishers and Subscriptions write them. Pure.

Three forms meet here. Plain: type `order.created.v1` of source `shop`. Prefixed, from before plain names:
`sap.kyma.custom.shop.order.created.v1`, which holds the application between prefix and event. Legacy: event type and
version apart. An event is stored once, on the subject of its plain form; publisher and subscriber both come here, so
they agree on it.

Source: kyma-project/eventing-publisher-proxy, pkg/application, pkg/cloudevents/eventtype, pkg/legacy;
kyma-project/eventing-manager, pkg/backend/cleaner.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

PREFIX = "sap.kyma.custom"
"""Prefix of prefixed event types, unless a setting says otherwise."""
TYPE_LABEL = "application-type"
"""Label of an Application whose value stands for its name in event names."""

_NO_NAME = re.compile(r"[\W_]", re.ASCII)
_NO_TYPE = re.compile(r"[\s>*/\\]")
_NO_SOURCE = re.compile(r"[\s.>*/\\]")
_NO_PREFIXED = re.compile(r"[^a-zA-Z0-9.]")
_LEAST_SEGMENTS = 4


class Prefixed(NamedTuple):
    """The parts of a prefixed event type."""

    application: str
    """As written, not yet cleaned."""
    event: str
    """Business object and operation: `order.created`."""
    version: str


def clean_application(name: str) -> str:
    """Return the letters and digits of an application's name: all that prefixed event types keep of it."""
    return _NO_NAME.sub("", name)


def clean_type(event_type: str) -> str:
    """Return a plain event type without white space and the characters `> * / \\`; dots stay."""
    return _NO_TYPE.sub("", event_type)


def clean_source(source: str) -> str:
    """Return a source without white space, dots and the characters `> * / \\`."""
    return _NO_SOURCE.sub("", source)


def name_in_events(name: str, labels: Mapping[str, str]) -> str:
    """Return what stands for an Application in event names: its label `application-type`, in any case, or its name."""
    return next((value for key, value in labels.items() if key.lower() == TYPE_LABEL and value), name)


def parse_prefixed(event_type: str, prefix: str) -> Prefixed:
    """Take a prefixed event type apart; all segments between application and operation become one business object.

    Raises:
        ValueError: the prefix is missing, or too few segments follow it.
    """
    if not event_type.startswith(prefix):
        raise ValueError("prefix not found")
    rest = event_type.replace(prefix, "") if prefix else event_type
    segments = rest.removeprefix(".").split(".")
    if len(segments) < _LEAST_SEGMENTS or "" in segments:
        raise ValueError("invalid format")
    application, *objects, operation, version = segments
    return Prefixed(application, f"{''.join(objects)}.{operation}", version)


class Plain(NamedTuple):
    """What a prefixed event type is by its plain name."""

    application: str
    """Cleaned: what is left of the owner's name."""
    types: tuple[str, ...]
    """Its plain types: as written, without odd characters, and with the business object in one segment. Publishers of
    plain and legacy events keep the segments, those of prefixed ones merge them."""


def plain_of(event_type: str, prefix: str = PREFIX) -> Plain | None:
    """Return the plain names of a prefixed event type; None when it is none, or too short to be one."""
    if not event_type.startswith(f"{prefix}."):
        return None
    try:
        parts = parse_prefixed(event_type, prefix)
    except ValueError:
        return None
    written = event_type.replace(prefix, "").removeprefix(".").partition(".")[2]
    merged = _NO_PREFIXED.sub("", f"{parts.event}.{parts.version}")
    types = tuple(dict.fromkeys((clean_type(written), _NO_PREFIXED.sub("", written), merged)))
    application = clean_application(parts.application)
    if not application or any("" in name.split(".") for name in types):
        return None
    return Plain(application, types)


def clean_prefixed(event_type: str, prefix: str = PREFIX) -> str:
    """Return a prefixed event type as Kyma's older publishers send it; any other as it is."""
    if plain_of(event_type, prefix) is None:
        return event_type
    return render_prefixed(prefix, *parse_prefixed(event_type, prefix))


def render_prefixed(prefix: str, application: str, event: str, version: str) -> str:
    """Return a prefixed event type of letters, digits and dots; the application is cleaned."""
    parts = [part for part in (prefix, clean_application(application), event, version) if part]
    return _NO_PREFIXED.sub("", ".".join(parts))


def merge_objects(event: str) -> str:
    """Return a legacy event type with its business object in one segment: `a.b.created` becomes `ab.created`."""
    *objects, operation = _NO_PREFIXED.sub("", event).split(".")
    return f"{''.join(objects)}.{operation}" if objects else operation
