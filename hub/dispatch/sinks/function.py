"""Calls a Function of the hub, by request and reply over the bus.

A Function that no worker runs is no answer; its deliveries wait for it like for any sink.
"""

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from contracts import subjects
from hub.dispatch.binding import sink_headers
from hub.dispatch.model import Answer, Delivery, Sink

# The worker keeps the time limit itself and says so; past this it is taken for dead.
_GRACE_SECONDS = 1.0
_EXCERPT = 1000


class FunctionSink:
    """Sends to Functions."""

    def __init__(self, client: Client) -> None:
        """Share the data plane's connection."""
        self._client = client

    async def send(self, sink: Sink, delivery: Delivery, timeout_seconds: float) -> Answer:
        """Call the Function with one event; nothing is raised."""
        headers = sink_headers(delivery)
        headers |= {"Hub-Timeout": f"{timeout_seconds:g}", "Hub-Attempt": str(delivery.attempt)}
        subject = subjects.call(sink.scope, sink.name)
        try:
            reply = await self._client.request(
                subject, delivery.body, timeout=timeout_seconds + _GRACE_SECONDS, headers=headers
            )
        except NoRespondersError:
            return Answer(503, error=f"No worker runs the Function '{sink.name}' in scope '{sink.scope}'.")
        except (NatsError, TimeoutError):
            return Answer(None, error=f"The Function '{sink.name}' did not answer within {timeout_seconds:g} s.")
        status = (reply.headers or {}).get("Hub-Status", "")
        if not status.isdigit():
            return Answer(None, error="The Function's worker gave an answer without a status.")
        if 200 <= int(status) < 300:
            return Answer(int(status))
        text = reply.data[:_EXCERPT].decode(errors="replace")
        return Answer(int(status), excerpt=text, error=(reply.headers or {}).get("Hub-Error", ""))
