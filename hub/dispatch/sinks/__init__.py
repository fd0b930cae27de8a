"""Where deliveries go, one kind of sink per file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from hub.dispatch.listening import Listening
from hub.dispatch.model import Answer, Delivery, SinkKind
from hub.dispatch.planning import Plan
from hub.dispatch.sinks import function, http, subject
from hub.dispatch.sinks.outside import Outside, Send, SendBatch

SINKS: Mapping[SinkKind, Callable[[Outside, Plan], Send]] = {
    "http": http.sender,
    "function": function.sender,
    "subject": subject.sender,
}
"""Kind of sink → what makes the `send` of a plan."""


def sender(outside: Outside, plan: Plan) -> Send:
    """Return what sends single events to the sink of a plan, by the type that the Subscription asked for."""
    send = SINKS[plan.sink.kind](outside, plan)
    if not plan.listening.owned:
        return send

    async def send_told(delivery: Delivery, attempt: int) -> Answer:
        return await send(_told(plan.listening, delivery), attempt)

    return send_told


def sender_of_batches(outside: Outside, plan: Plan) -> SendBatch:
    """Return what sends several events at once to the sink of a plan, likewise."""
    send = http.batch_sender(outside, plan)
    if not plan.listening.owned:
        return send

    async def send_told(deliveries: Sequence[Delivery]) -> Answer:
        return await send([_told(plan.listening, delivery) for delivery in deliveries])

    return send_told


def _told(listening: Listening, delivery: Delivery) -> Delivery:
    return replace(delivery, headers=listening.headers_told(delivery.subject, delivery.headers))
