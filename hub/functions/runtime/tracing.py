"""Carries the trace of an invocation on into the calls that a handler makes.

W3C and B3 headers are added to every request that goes out through `http.client` (urllib, requests and the like),
unless the handler sets its own. Runs inside the Function's process: standard library only, and `http.client` is touched
only when the Function has imported it.
"""

import os
import sys
from typing import Any

from hub.functions.runtime.output import Invocation

_MARK = "_hub_traced"


def trace_headers(traceparent: str) -> dict[str, str]:
    """Return the headers of the next hop: the same trace, a new span; none without a trace."""
    parts = traceparent.split("-")
    if len(parts) < 3:
        return {}
    version, trace, flags = parts[0], parts[1], parts[3] if len(parts) > 3 else "01"
    span = os.urandom(8).hex()
    return {
        "traceparent": f"{version}-{trace}-{span}-{flags}",
        "x-b3-traceid": trace,
        "x-b3-spanid": span,
        "x-b3-sampled": "0" if flags == "00" else "1",
    }


def install(invocation: Invocation) -> bool:
    """Have the headers added from now on; returns whether there was anything to add them to."""
    client: Any = sys.modules.get("http.client")
    if client is None:
        return False
    connection = client.HTTPConnection
    if hasattr(connection, _MARK):
        return True
    original = connection.endheaders

    def endheaders(self: Any, *rest: Any, **named: Any) -> Any:
        sent = b"\r\n".join(self._buffer).lower()
        if b"\r\ntraceparent:" not in sent:
            for name, value in trace_headers(invocation.traceparent).items():
                if b"\r\n" + name.encode() + b":" not in sent:
                    self.putheader(name, value)
        return original(self, *rest, **named)

    connection.endheaders = endheaders
    setattr(connection, _MARK, True)
    return True
