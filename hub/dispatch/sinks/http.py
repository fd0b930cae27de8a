"""Posts events to an HTTP address: binary CloudEvents, or batches where the Subscription asks for them.

Only a 2xx is a success. Redirects are not followed: a redirected event could leave through a door that nobody allowed.
"""

from collections.abc import Sequence

from contracts.envelope import decode_value
from hub.dispatch.batching import CONTENT_TYPE, batch_body
from hub.dispatch.binding import sink_headers
from hub.dispatch.model import Answer, Delivery, excerpt_of
from hub.dispatch.planning import Plan
from hub.dispatch.signing import message_id, signed_headers
from hub.dispatch.sinks.outside import Outside, Send, SendBatch
from hub.kernel.errors import HubError
from hub.kernel.http.client import Reply

_TAKEN = {status: Answer(status) for status in range(200, 300)}


def sender(outside: Outside, plan: Plan) -> Send:
    """Return what posts single events."""
    if plan.policy.batch is not None:
        send_batch = batch_sender(outside, plan)

        async def send_alone(delivery: Delivery, _attempt: int) -> Answer:
            return await send_batch((delivery,))

        return send_alone
    post, target, seconds = outside.poster.post, outside.poster.target(plan.sink.url), plan.policy.timeout_seconds
    secret = plan.policy.signing_secret

    async def send(delivery: Delivery, _attempt: int) -> Answer:
        headers = sink_headers(delivery.headers)
        try:
            if secret is not None:
                headers |= _signature(outside, plan.scope, secret, _identity(delivery), delivery.body)
            return _answer_of(await post(target, headers, delivery.body, seconds))
        except HubError as error:
            return Answer(None, error=error.detail)

    return send


def batch_sender(outside: Outside, plan: Plan) -> SendBatch:
    """Return what posts several events in one request."""
    post, target, seconds = outside.poster.post, outside.poster.target(plan.sink.url), plan.policy.timeout_seconds
    secret = plan.policy.signing_secret

    async def send(deliveries: Sequence[Delivery]) -> Answer:
        body = batch_body(deliveries)
        headers = {"content-type": CONTENT_TYPE}
        try:
            if secret is not None:
                identity = message_id("", " ".join(_identity(delivery) for delivery in deliveries))
                headers |= _signature(outside, plan.scope, secret, identity, body)
            return _answer_of(await post(target, headers, body, seconds))
        except HubError as error:
            return Answer(None, error=error.detail)

    return send


def _identity(delivery: Delivery) -> str:
    return message_id(decode_value(delivery.attribute("source")), decode_value(delivery.attribute("id")))


def _signature(outside: Outside, scope: str, secret: str, identity: str, body: bytes) -> dict[str, str]:
    return signed_headers(outside.signing_keys(scope, secret), identity, int(outside.now()), body)


def _answer_of(reply: Reply) -> Answer:
    taken = _TAKEN.get(reply.status)
    if taken is not None:
        return taken
    return Answer(reply.status, retry_after=reply.headers.get("retry-after", ""), excerpt=excerpt_of(reply.excerpt))
