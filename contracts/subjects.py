"""Every name on the bus: streams, subjects, buckets, durable consumers. Written here once and nowhere else.

Business events live below `events.`, those kept aside below `quarantine.`, contract events below `hub.`, dead letters
below `dead.`, attempts below `attempts.`, spans below `traces.`, replays to one Subscription below `replay.`.
Request-reply between the command line and rooms lives below `ask.`, calls of Functions below `call.`; no stream
captures these two.
"""

import hashlib
import re
from urllib.parse import unquote

EVENTS = "EVENTS"
HUB = "HUB"
DEAD = "DEAD"
ATTEMPTS = "ATTEMPTS"
QUARANTINE = "QUARANTINE"
TRACES = "TRACES"
AUDIT = "AUDIT"
"""Copies of the audit records among the contract events, kept longer; nothing is published to it directly."""
AUDIT_RECORDS = "hub.audit.>"

STREAM_SUBJECTS = {
    EVENTS: ["events.>", "replay.>"],
    HUB: ["hub.>"],
    DEAD: ["dead.>"],
    ATTEMPTS: ["attempts.>"],
    QUARANTINE: ["quarantine.>"],
    TRACES: ["traces.>"],
}

# Buckets of resources: one per kind, named by its lower-case plural.
APPLICATIONS = "applications"
SUBSCRIPTIONS = "subscriptions"
FUNCTIONS = "functions"
SECRETS = "secrets"
CONFIGMAPS = "configmaps"
EVENT_TYPES = "eventtypes"
COMPASS_CONNECTIONS = "compassconnections"
# Buckets that are not resources.
REVISIONS = "functionrevisions"
AUTHORITIES = "authorities"
TOKENS = "tokens"
REVOCATIONS = "revocations"
CATALOG_FINDINGS = "catalogfindings"
LAYOUT = "layout"
RETRIES = "retries"
LEASES = "leases"
SYNCHRONIZATION = "synchronization"

BUCKETS = (
    APPLICATIONS,
    SUBSCRIPTIONS,
    FUNCTIONS,
    SECRETS,
    CONFIGMAPS,
    EVENT_TYPES,
    COMPASS_CONNECTIONS,
    REVISIONS,
    AUTHORITIES,
    TOKENS,
    REVOCATIONS,
    CATALOG_FINDINGS,
    LAYOUT,
    RETRIES,
    LEASES,
    SYNCHRONIZATION,
)

ASSETS = "assets"
"""The object store of specifications, function sources and documents."""

_ESCAPED = re.compile(r"(?:%[0-9A-F]{2})+")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029*>%]|\s")


def _escape(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match.group().encode())


def token(name: str) -> str:
    """Return a name as exactly one subject token: what a subject may not hold, and dots, is percent-encoded.

    Upstream deletes such characters, so that `my.app` and `myapp` receive each other's events; encoding keeps them
    apart and is the same for publisher and Subscription.
    """
    return _UNSAFE.sub(_escape, name).replace(".", "%2E") or "%"


def tokens(name: str) -> str:
    """Return a dotted name as subject tokens: dots stay, everything unsafe is percent-encoded."""
    return _UNSAFE.sub(_escape, name)


def untoken(part: str) -> str:
    """Return the name that a subject token stands for; the inverse of `token` and `tokens`."""
    return unquote(part)


def event(source: str, event_type: str) -> str:
    """Subject of an accepted event: `events.<source>.<event type>`."""
    return f"events.{token(source)}.{tokens(event_type)}"


def read_event(subject: str) -> tuple[str, str]:
    """Return source and event type of the subject of an event, accepted or kept aside; the inverse of `event`."""
    _, source, event_type = subject.split(".", 2)
    return "" if source == "%" else _unescape(source), _unescape(event_type)


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: bytes.fromhex(match.group().replace("%", "")).decode(), text)


def quarantine_of(subject: str) -> str:
    """Subject of an event that is kept aside, by the one it would be accepted on; `released` is its inverse."""
    return f"quarantine.{subject.removeprefix('events.')}"


def quarantined(application: str = "", event_type: str = "") -> str:
    """Filter for events that are kept aside: of one Application, of one event type, of both, or all."""
    if event_type:
        return f"quarantine.{token(application) if application else '*'}.{tokens(event_type)}"
    return f"quarantine.{token(application)}.>" if application else "quarantine.>"


def released(subject: str) -> str:
    """Subject of an event that was kept aside, once it is let through."""
    return f"events.{subject.removeprefix('quarantine.')}"


def events_of_type(event_type: str) -> str:
    """Filter for one event type of any source."""
    return f"events.*.{tokens(event_type)}"


def events_of_source(source: str) -> str:
    """Filter for every event type of one source."""
    return f"events.{token(source)}.>"


def replay(scope: str, subscription: str) -> str:
    """Subject on which events are delivered again, to one Subscription only."""
    return f"replay.{token(scope)}.{token(subscription)}"


def dead(scope: str, subscription: str) -> str:
    """Subject of the dead letters of one Subscription."""
    return f"dead.{token(scope)}.{token(subscription)}"


def attempts(scope: str, subscription: str) -> str:
    """Subject of the delivery attempts of one Subscription."""
    return f"attempts.{token(scope)}.{token(subscription)}"


def trace(trace_id: str) -> str:
    """Subject of the spans of one trace."""
    return f"traces.{trace_id}"


def contract(contract_type: str) -> str:
    """Subject of a contract event, equal to its type: `hub.<noun>.v<major>.<past participle>`."""
    return contract_type


def ask(plural: str, verb: str) -> str:
    """Subject of a request to the room that owns a kind: `ask.<plural>.<verb>`."""
    return f"ask.{plural}.{verb}"


def call(scope: str, function: str) -> str:
    """Subject on which a Function is invoked (request-reply)."""
    return f"call.{token(scope)}.{token(function)}"


CALLS = "call.>"


# nats-server keeps a consumer in a folder of its name: longer ones are cut and told apart by a digest.
_DURABLE_LIMIT = 200


def durable(scope: str, subscription: str) -> str:
    """Name of the durable consumer of one Subscription; consumer names may not hold dots.

    An underscore is legal in neither part, so that different Subscriptions never share a name.
    """
    name = f"dispatch_{scope.replace('.', '_')}__{subscription.replace('.', '_')}"
    if len(name) <= _DURABLE_LIMIT:
        return name
    return f"{name[: _DURABLE_LIMIT - 33]}_{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def key(scope: str, name: str) -> str:
    """Key of a resource in its bucket: `<scope>.<name>`; both parts as one token."""
    return f"{scope}.{name.replace('.', '/')}"


def split_key(bucket_key: str) -> tuple[str, str]:
    """Return scope and name of a bucket key; the inverse of `key`."""
    scope, _, name = bucket_key.partition(".")
    return scope, name.replace("/", ".")
