"""The span of each attempt to deliver an event. Pure.

Attempts at the same event lie side by side below the span that accepted it, and each names its outcome. What a sink
answered is told by its status alone: its words may be about the data.
"""

from dataclasses import replace

from contracts.envelope import decode_value
from hub.dispatch.model import Answer, Delivery
from hub.dispatch.planning import Plan
from hub.kernel.trace import BEGIN, TRACER, Span, is_valid, open_span

DELIVER = "deliver event"


def opened(delivery: Delivery) -> tuple[Delivery, Span | None]:
    """Return the delivery as it is sent, and the span of the attempt where it is recorded.

    In a batch no context is sent, so nothing lies below the spans of its events.
    """
    given = delivery.headers.get("traceparent", "")
    if given[54:] == "0":  # not recorded, as nearly all under load
        return delivery, None
    if not is_valid(given):  # stored by somebody else than the hub's own edge
        if not TRACER.samples():
            return delivery, None
        given = BEGIN
    context, span = open_span(given, DELIVER)
    if span is None:
        return delivery, None
    return replace(delivery, headers={**delivery.headers, "traceparent": context}), span


def end(span: Span | None, plan: Plan, delivery: Delivery, attempt: tuple[int, Answer, str]) -> None:
    """End the span of an attempt.

    Args:
        span: None when it is not recorded.
        plan: of the Subscription.
        delivery: the event.
        attempt: its number, what the sink said, and what became of the event.
    """
    if span is None:
        return
    number, answer, outcome = attempt
    names = {"event-id": "id", "source-id": "source", "event-type": "type"}
    told: dict[str, str | int] = {tag: decode_value(delivery.attribute(name)) for tag, name in names.items()}
    told |= {
        "subscription": plan.label,
        "sink": plan.sink.kind,
        "sequence": delivery.sequence,
        "attempt": number,
        "outcome": outcome,
    }
    if plan.sink.kind == "function":
        told["function"] = f"{plan.sink.scope}/{plan.sink.name}"
    if answer.status is not None:
        told["status-code"] = answer.status
    failed = outcome != "delivered"
    span.end(told, (f"answered {answer.status}" if answer.status else "no answer") if failed else "")
