"""Which sink a Subscription's text means: an HTTP address, or a Function of the hub. Pure.

Kyma's in-cluster address of a Function, `http://NAME.NAMESPACE.svc.cluster.local`, means that Function here: manifests
work unchanged. Any other HTTP address is posted to.
"""

import re
from urllib.parse import urlsplit

from hub.dispatch.model import Sink

CLUSTER_SUFFIX = "svc.cluster.local"
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


def sink_of(text: str, scope: str) -> Sink:
    """Return the sink that a valid text means.

    Args:
        text: `http(s)://…`, `function:NAME` or `function:SCOPE/NAME`.
        scope: that of the Subscription, where the text names none.
    """
    match = _FUNCTION.fullmatch(text)
    if match:
        return Sink("function", scope=match["scope"] or scope, name=match["name"])
    host = host_of(text)
    if is_in_cluster(host):
        name, namespace, *_ = host.split(".")
        return Sink("function", scope=namespace, name=name)
    return Sink("http", url=text)
