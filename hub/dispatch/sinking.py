"""Which sink a Subscription's text means: an HTTP address, a Function of the hub, a NATS subject. Pure.

Kyma's in-cluster address of a Function, `http://NAME.NAMESPACE.svc.cluster.local`, means that Function here: manifests
work unchanged. Where such an address means a plain service, a setting says at which address that is. Any other HTTP
address is posted to.
"""

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from hub.dispatch.model import Sink
from hub.kernel.egress import EgressRule

CLUSTER_SUFFIX = "svc.cluster.local"
SUBJECT = "subject:"
INTERNAL = frozenset(
    {"events", "hub", "dead", "attempts", "quarantine", "traces", "replay", "ask", "call", "_INBOX"}
)
"""First tokens of the subjects that no sink may be."""
_SUBJECT = re.compile(r"[!-)+-\-/-=?-~]+(\.[!-)+-\-/-=?-~]+)*")
_SUBJECT_LIMIT = 1024
_FUNCTION = re.compile(r"function:(?:(?P<scope>[a-z0-9][-a-z0-9.]*)/)?(?P<name>[a-z0-9][-a-z0-9.]*)")
# What Go's URL parser, upstream's judge, refuses in a host name.
_NOT_IN_HOST = re.compile(r"[\x00-\x20\x7f\"<>\\^`{|}]")


def host_of(sink: str) -> str:
    """Return the host of an HTTP sink, in lower case, without its port.

    Raises:
        ValueError: the address cannot be parsed; the text says why.
    """
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in sink):
        raise ValueError("invalid control character in URL")
    parts = urlsplit(sink)
    bad = _NOT_IN_HOST.search(parts.netloc)
    if bad:
        raise ValueError(f'invalid character "{bad.group()}" in host name')
    _ = parts.port  # raises on a port that is no number
    if not parts.hostname:
        raise ValueError("no host in URL")
    return parts.hostname


def is_in_cluster(host: str) -> bool:
    """Say whether a host is a service of the cluster that the manifest was written for."""
    return host.endswith(CLUSTER_SUFFIX)


def is_function(sink: str) -> bool:
    """Say whether the text names a Function directly."""
    return _FUNCTION.fullmatch(sink) is not None


def is_subject(sink: str) -> bool:
    """Say whether the text names a NATS subject."""
    return sink.startswith(SUBJECT)


def find_subject_fault(sink: str) -> str | None:
    """Return why a subject cannot be a sink; None when it can."""
    subject = sink.removeprefix(SUBJECT)
    if not _SUBJECT.fullmatch(subject) or len(subject) > _SUBJECT_LIMIT:
        return "must name one subject: tokens of printable ASCII between dots, no blank, '*' or '>'"
    if subject.split(".")[0] in INTERNAL or subject.startswith("$"):
        return f"must not be a subject of the hub or of nats-server itself ({', '.join(sorted(INTERNAL))}, $...)"
    return None


def find_refused_address(sink: str, rule: EgressRule) -> str | None:
    """Return the address of an HTTP sink that is written as one and not allowed; names are judged when they resolve."""
    host = host_of(sink)
    if host == "localhost" or host.endswith(".localhost"):
        return None if rule.loopback else host
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None
    return None if rule.allows(host) else host


def sink_of(text: str, scope: str, services: Mapping[str, str] | None = None) -> Sink:
    """Return the sink that a valid text means.

    Args:
        text: `http(s)://…`, `function:NAME`, `function:SCOPE/NAME` or `subject:NAME`.
        scope: that of the Subscription, where the text names none.
        services: `NAME.NAMESPACE` of a service of the cluster → the address where it is.
    """
    match = _FUNCTION.fullmatch(text)
    if match:
        return Sink("function", scope=match["scope"] or scope, name=match["name"])
    if is_subject(text):
        return Sink("subject", name=text.removeprefix(SUBJECT))
    host = host_of(text)
    if not is_in_cluster(host):
        return Sink("http", url=text)
    name, namespace, *_ = host.split(".")
    elsewhere = (services or {}).get(f"{name}.{namespace}")
    if elsewhere is None:
        return Sink("function", scope=namespace, name=name)
    parts = urlsplit(text)
    return Sink("http", url=elsewhere.rstrip("/") + parts.path + (f"?{parts.query}" if parts.query else ""))
