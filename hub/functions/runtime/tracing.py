"""Carries on what belongs to an invocation into the calls that a handler makes: the trace, and who calls.

W3C and B3 headers are added to every request that goes out through `http.client` (urllib, requests and the like),
unless the handler sets its own. Requests to the hub itself (its publisher and its gateway, nobody else) also carry the
Function's token, by which the hub knows it, and how deep the chain of events is already. Runs inside the Function's
process: standard library only, and `http.client` is touched only when the Function has imported it.
"""

import os
import sys
from typing import Any

from hub.functions.runtime.output import Invocation

_MARK = "_hub_traced"
# The same words as in `hub.kernel.workload` and `contracts.envelope`, which this process does not import.
TOKEN_VARIABLE, _TOKEN, _DEPTH, _EVENT_DEPTH = "HUB_WORKLOAD_TOKEN", "hub-workload-token", "hub-depth", "ce-hubdepth"
_ADDRESSES = ("PUBLISHER_PROXY_ADDRESS", "PUBLISHER_URL", "GATEWAY_URL")


def trace_headers(traceparent: str) -> dict[str, str]:
    """Return the headers of a call: the span at work is its parent; none without a trace."""
    parts = traceparent.split("-")
    if len(parts) < 4:
        return {}
    return {
        "traceparent": traceparent,
        "x-b3-traceid": parts[1],
        "x-b3-spanid": parts[2],
        "x-b3-sampled": "0" if parts[3] == "00" else "1",
    }


def own_headers(invocation: Invocation) -> dict[str, str]:
    """Return what tells the hub who calls: the token, and the depth of the event at work on; none without a token."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    headers = invocation.headers
    depth = headers.get(_EVENT_DEPTH) or headers.get(_DEPTH) or ""
    return ({_TOKEN: token} | ({_DEPTH: depth} if depth else {})) if token else {}


def hub_addresses() -> frozenset[tuple[str, int]]:
    """Return host and port of everything that is the hub."""
    from urllib.parse import urlsplit  # whoever imported `http.client` has it already

    found = [urlsplit(os.environ.get(name, "")) for name in _ADDRESSES]
    return frozenset((one.hostname, one.port or _default_port(one.scheme)) for one in found if one.hostname)


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def install(invocation: Invocation) -> bool:
    """Have the headers added from now on; returns whether there was anything to add them to."""
    client: Any = sys.modules.get("http.client")
    if client is None:
        return False
    connection = client.HTTPConnection
    if hasattr(connection, _MARK):
        return True
    original, own_places = connection.endheaders, hub_addresses()

    def endheaders(self: Any, *rest: Any, **named: Any) -> Any:
        sent = b"\r\n".join(self._buffer).lower()
        added = {} if b"\r\ntraceparent:" in sent else trace_headers(invocation.traceparent)
        if (self.host, self.port) in own_places:
            added |= own_headers(invocation)
        for name, value in added.items():
            if b"\r\n" + name.encode() + b":" not in sent:
                self.putheader(name, value)
        return original(self, *rest, **named)

    connection.endheaders = endheaders
    setattr(connection, _MARK, True)
    return True
