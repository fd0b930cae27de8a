"""What sinks need of the world, and what they are."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from hub.dispatch.consumer.inbox import Inbox
from hub.dispatch.consumer.intake import Message
from hub.dispatch.consumer.outbox import Outbox
from hub.dispatch.model import Answer, Delivery
from hub.dispatch.sinks.posting import Poster

Send = Callable[[Delivery, int], Awaitable[Answer]]
"""Delivery and attempt → what the sink said. No answer is an Answer too; nothing is raised."""
SendBatch = Callable[[Sequence[Delivery]], Awaitable[Answer]]
"""Deliveries in one request → the one answer to all of them."""


@dataclass(frozen=True, slots=True)
class Outside:
    """The world as sinks see it."""

    poster: Poster
    inbox: Inbox
    outbox: Outbox
    signing_keys: Callable[[str, str], tuple[bytes, ...]]
    """Scope and name of a Secret → its signing keys; raises InvalidField."""
    silence_seconds: float
    """After so long without a sign of life a worker that was asked is taken for dead."""
    now: Callable[[], float] = time.time

    async def ask(
        self, subject: str, body: bytes, headers: dict[str, str], *, silent: Answer, seconds: float,
        read: Callable[[Message], Answer],
    ) -> Answer:  # fmt: skip
        """Send a request over the bus and wait for its reply.

        Args:
            subject: where to.
            body: of the request.
            headers: of the request.
            silent: the answer when none comes.
            seconds: how long to wait.
            read: makes an answer of the reply.
        """
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()
        reply = self.inbox.open(lambda message: _settle(answered, read(message)))
        expiry = loop.call_later(seconds, _settle, answered, silent)
        lost = Answer(None, error="The request could not be sent: the connection with nats-server is lost.")
        self.outbox.send(subject, body, reply=reply, headers=headers, on_lost=lambda: _settle(answered, lost))
        try:
            return await answered
        finally:
            expiry.cancel()
            self.inbox.close(reply)


def _settle(answered: asyncio.Future[Answer], answer: Answer) -> None:
    if not answered.done():
        answered.set_result(answer)
