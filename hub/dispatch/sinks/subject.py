"""Publishes events on another NATS subject, in the binary mode of the CloudEvents binding.

A sink must say that it has an event, so one of two things must be there: a JetStream stream that takes the subject, or
a subscriber that answers (anything; an answer with the header `Nats-Service-Error-Code` is a refusal). Silence is no
answer. The message id makes a repeated publication harmless within the stream's duplicate window.
"""

import orjson

from hub.dispatch.binding import subject_headers
from hub.dispatch.consumer.intake import Message
from hub.dispatch.model import Answer, Delivery, excerpt_of
from hub.dispatch.planning import Plan
from hub.dispatch.sinks.outside import Outside, Send

_REFUSED, _REFUSAL = "Nats-Service-Error-Code", "Nats-Service-Error"
_TAKEN = Answer(200)


def sender(outside: Outside, plan: Plan) -> Send:
    """Return what publishes on the subject of a plan."""
    subject, seconds = plan.sink.name, plan.policy.timeout_seconds
    silent = Answer(None, error=f"No stream and no subscriber of '{subject}' answered within {seconds:g} s.")
    missing = Answer(503, error=f"No stream takes '{subject}', and nobody subscribes to it.")

    async def send(delivery: Delivery, _attempt: int) -> Answer:
        headers = subject_headers(delivery.headers)
        headers["Nats-Msg-Id"] = f"{plan.durable}/{plan.uid}/{delivery.sequence}"

        def read(message: Message) -> Answer:
            return missing if (message.headers or {}).get("Status") == "503" else _answer_of(message)

        return await outside.ask(subject, delivery.body, headers, silent=silent, seconds=seconds, read=read)

    return send


def _answer_of(message: Message) -> Answer:
    headers = message.headers or {}
    code = headers.get(_REFUSED, "")
    if code:
        status = int(code) if code.isdigit() and 300 <= int(code) < 600 else 500
        return Answer(status, excerpt=excerpt_of(message.data), error=headers.get(_REFUSAL, ""))
    if not message.data.startswith(b"{"):
        return _TAKEN
    try:
        problem = orjson.loads(message.data).get("error")
    except orjson.JSONDecodeError:
        return _TAKEN
    if isinstance(problem, dict) and "err_code" in problem:  # a stream that does not take it, a full one for example
        return Answer(503, error=str(problem.get("description", ""))[:200])
    return _TAKEN
