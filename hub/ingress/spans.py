"""The span of accepting events: from the posted request to the event store's acknowledgement. Pure.

The tags are upstream's (`event-id`, `source-id`, `event-type`); nothing of the data is among them.

Source: kyma-project/kyma:components/event-bus/internal/trace/tags.go@1.4.0.
"""

from collections.abc import Callable, Mapping, Sequence

from contracts import subjects
from hub.ingress.model import Admitted
from hub.kernel.errors import HubError
from hub.kernel.publisher import Receipt
from hub.kernel.trace import Span, open_span, traceparent_of

ACCEPT = "accept event"
Settled = Callable[[Receipt | HubError], None]


def entered(headers: Mapping[str, str]) -> tuple[str, Span | None]:
    """Return the context under which the events of a request are stored, and the span where it is recorded."""
    return open_span(traceparent_of(headers), ACCEPT)


def followed(settled: Settled, span: Span, event: Admitted, poster: str | None) -> Settled:
    """Return what ends the span of one event when it is stored, or not, and then goes on."""

    def ended(outcome: Receipt | HubError) -> None:
        end(span, [event], [outcome], poster, "binary")
        settled(outcome)

    return ended


def end(
    span: Span | None,
    events: Sequence[Admitted],
    outcomes: Sequence[Receipt | HubError],
    poster: str | None,
    dialect: str,
) -> None:
    """End the span of a request whose events were published; the first one stands for a batch."""
    if span is None or not events:
        return
    source, event_type = subjects.read_event(events[0].subject.decode())
    first, failed = outcomes[0], next((one for one in outcomes if isinstance(one, HubError)), None)
    told: dict[str, str | int] = {
        "event-id": events[0].event_id,
        "source-id": source,
        "event-type": event_type,
        "application": poster or "",
        "dialect": dialect,
        "outcome": "refused" if failed else outcome_of(first),
    }
    if len(events) > 1:
        told["events"] = len(events)
    if isinstance(first, Receipt):
        told |= {"stream": first.stream, "sequence": first.sequence}
    if failed is not None:
        told["status-code"] = failed.status
    span.end(told, failed.kind if failed else "")


def outcome_of(outcome: Receipt | HubError) -> str:
    """Return the outcome of one event, in a word."""
    return "duplicate" if isinstance(outcome, Receipt) and outcome.duplicate else "stored"


def refused(headers: Mapping[str, str], began: int, error: HubError, status: int, application: str | None) -> None:
    """Record a refused request in the trace of a caller that records; only a failure of our own begins a trace.

    Args:
        headers: of the request.
        began: when it came, in nanoseconds since 1970.
        error: why it is refused.
        status: of the answer.
        application: at whose path.
    """
    _, span = open_span(traceparent_of(headers) or ("" if status >= 500 else "00"), ACCEPT)
    if span is not None:
        span.began = began
        span.end({"application": application or "", "outcome": "refused", "status-code": status}, error.kind)
