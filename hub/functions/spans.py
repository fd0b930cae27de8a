"""The span of each invocation of a Function. Pure.

What the Function publishes and calls while it works names this span as its parent. Of a failure the span tells the kind
of the error and the place in the source, never its text: that may hold data of the event.
"""

import re
from collections.abc import Mapping

import orjson

from contracts.envelope import decode_value
from hub.functions.headers import EncodedHeaders
from hub.functions.model import Answer, Invocation
from hub.functions.outcomes import outcome_of
from hub.kernel.errors import HubError
from hub.kernel.resource import Resource
from hub.kernel.trace import Attributes, Span, is_recorded, is_valid, open_span

INVOKE = "invoke function"
_NAME = re.compile(r"[A-Za-z_$][\w$.]{0,79}")
_PARENT = re.compile(r"[0-9a-f]{16}")
_LONGEST, _MOST_OWN = 100, 32
"""Characters of a name, and attributes, that a handler may give a span."""
_TAGS = {"event-id": "ce-id", "source-id": "ce-source", "event-type": "ce-type", "attempt": "Hub-Attempt"}


def called(headers: Mapping[str, str]) -> tuple[Mapping[str, str], Span | None]:
    """Open the span of a call from the bus, where it is recorded; the headers that are returned name it then."""
    given = headers.traceparent if isinstance(headers, EncodedHeaders) else headers.get("traceparent", "")
    if given[54:] == "0":  # not recorded, as nearly all under load
        return headers, None
    context, span = open_span(given if is_valid(given) else "", INVOKE)
    return {**headers, "traceparent": context}, span


def end(span: Span | None, function: Resource, invocation: Invocation, answer: Answer | HubError) -> None:
    """End the span of an invocation.

    Args:
        span: None when it is not recorded.
        function: the revision that was called.
        invocation: what was called for; its `ce-` headers are told.
        answer: what came of it.
    """
    if span is None:
        return
    told: dict[str, str | int] = {"function": f"{function.scope}/{function.name}", "revision": function.generation}
    told |= _of_event(invocation.headers) or {"method": invocation.method}
    told |= {"outcome": outcome_of(answer), "status-code": answer.status}
    error = ""
    if isinstance(answer, HubError):
        error = answer.kind
    elif answer.failure is not None:
        failure = answer.failure
        kind = failure.type if _NAME.fullmatch(failure.type) else "Error"
        error = f"{kind} ({failure.file}, line {failure.line})" if failure.line else kind
    elif answer.status >= 500:
        error = f"answered {answer.status}"
    span.end(told, error)


def _of_event(headers: Mapping[str, str]) -> Attributes:
    return {tag: decode_value(headers[name]) for tag, name in _TAGS.items() if headers.get(name)}


def take(said: bytes, function: str) -> None:
    """Record a span that a handler opened itself, as its process tells it; what is none is passed over.

    Args:
        said: JSON, as `runtime/spans.py` makes it.
        function: `scope.name`.
    """
    try:
        told = orjson.loads(said)
        name, context, parent = (str(told[part]) for part in ("name", "context", "parent"))
        own = {str(key)[:_LONGEST]: str(value) for key, value in list(told["attributes"].items())[:_MOST_OWN]}
        began, ended, error = int(told["began"]), int(told["ended"]), str(told["error"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return
    if not is_valid(context) or not is_recorded(context) or not _PARENT.fullmatch(parent):
        return
    span = Span(name[:_LONGEST], context, parent, began)
    span.end({**own, "function": function.replace(".", "/", 1)}, error)
    span.ended = ended
