"""One subscription for every reply this process waits for: answers of Functions and of streams.

A reply finds its receiver by its subject; what comes too late finds none.
"""

from collections.abc import Callable

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

log = structlog.get_logger()
Receive = Callable[[Msg], None]


class Inbox:
    """Hands replies to whoever waits for them."""

    def __init__(self, client: Client) -> None:
        """Prepare; `start` subscribes."""
        self._client = client
        self._prefix = client.new_inbox() + "."
        self._receivers: dict[str, Receive] = {}
        self._counter = 0
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Subscribe."""
        self._subscription = await self._client.subscribe(
            self._prefix + "*", cb=self._received, pending_msgs_limit=0, pending_bytes_limit=0
        )

    def open(self, receive: Receive) -> str:
        """Return a new reply subject; what comes there goes to the receiver until it is closed."""
        self._counter += 1
        subject = f"{self._prefix}{self._counter:x}"
        self._receivers[subject] = receive
        return subject

    def close(self, subject: str) -> None:
        """Receive no more on a subject."""
        self._receivers.pop(subject, None)

    async def _received(self, message: Msg) -> None:
        receive = self._receivers.get(message.subject)
        if receive is not None:
            receive(message)

    async def stop(self) -> None:
        """Unsubscribe."""
        if self._subscription is not None:
            try:
                await self._subscription.unsubscribe()
            except NatsError as error:
                log.debug("inbox.lost", error=repr(error))
