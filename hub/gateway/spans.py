"""The span of each call through the gateway. Pure.

It names the API, never the path or the query: these may hold what is secret. The target is told the span as its parent.
"""

from hub.gateway.model import Names
from hub.gateway.rewriting import Headers
from hub.kernel.trace import BEGIN, TRACER, Span, open_span, traceparent_of

CALL = "call api"
_TRACED = frozenset({b"traceparent", b"b3", b"x-b3-traceid", b"x-b3-spanid", b"x-b3-parentspanid", b"x-b3-sampled"})


def opened(headers: Headers) -> tuple[Headers, Span | None]:
    """Return the headers for the target, and the span of the call where it is recorded."""
    if _TRACED.isdisjoint(dict(headers)) and not TRACER.samples():
        return headers, None
    given = {name.decode(): value.decode("latin-1") for name, value in headers if name in _TRACED}
    context, span = open_span(traceparent_of(given) if given else BEGIN, CALL)
    if span is None:
        return headers, None
    passed = [pair for pair in headers if pair[0] not in _TRACED]
    passed.append((b"traceparent", context.encode()))
    if b"x-b3-traceid" in {name for name, _ in headers}:
        _, trace, own, _ = context.encode().split(b"-")
        passed += [(b"x-b3-traceid", trace), (b"x-b3-spanid", own), (b"x-b3-sampled", b"1")]
    return passed, span


def end(span: Span | None, names: Names, method: str, status: int, error: str = "") -> None:
    """End the span of a call by what the caller is answered."""
    if span is None:
        return
    told: dict[str, str | int] = {"application": names.application, "service": names.service}
    told |= {"entry": names.entry} if names.entry else {}
    told |= {"method": method, "outcome": "failed" if error else "answered", "status-code": status}
    span.end(told, error or (f"answered {status}" if status >= 500 else ""))
