"""Calls a Function of the hub, by request and reply over the bus.

A Function that does not run, or that no worker has, answers 503 at once; its deliveries wait for it like for any sink.
"""

from contracts import subjects
from hub.dispatch.binding import sink_headers
from hub.dispatch.consumer.intake import Message
from hub.dispatch.model import Answer, Delivery, excerpt_of
from hub.dispatch.planning import Plan
from hub.dispatch.sinks.outside import Outside, Send

STATUS, ERROR = "Hub-Status", "Hub-Error"
TIMEOUT, ATTEMPT = "Hub-Timeout", "Hub-Attempt"
# The worker keeps the time limit itself and says so; past this it is taken for dead.
_GRACE_SECONDS = 1.0


def sender(outside: Outside, plan: Plan) -> Send:
    """Return what calls the Function of a plan."""
    name, scope, seconds = plan.sink.name, plan.sink.scope, plan.policy.timeout_seconds
    subject, limit = subjects.call(scope, name), f"{seconds:g}"
    silent = Answer(None, error=f"The Function '{name}' did not answer within {seconds:g} s.")
    missing = Answer(503, error=f"No worker runs the Function '{name}' in scope '{scope}'.")

    async def send(delivery: Delivery, attempt: int) -> Answer:
        headers = sink_headers(delivery.headers)
        headers[TIMEOUT], headers[ATTEMPT] = limit, str(attempt)
        wait = seconds + _GRACE_SECONDS

        def read(message: Message) -> Answer:
            return missing if (message.headers or {}).get("Status") == "503" else _answer_of(message)

        return await outside.ask(subject, delivery.body, headers, silent=silent, seconds=wait, read=read)

    return send


def _answer_of(message: Message) -> Answer:
    headers = message.headers or {}
    text = headers.get(STATUS, "")
    if not text.isdigit():
        return Answer(None, error="The Function's worker gave an answer without a status.")
    status = int(text)
    if 200 <= status < 300:
        return Answer(status)
    return Answer(status, excerpt=excerpt_of(message.data), error=headers.get(ERROR, ""))
