"""One subscription for every reply this process waits for: answers of Functions and of streams.

A reply finds its receiver by its subject; what comes too late finds none.
"""

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from hub.dispatch.consumer.intake import Intake, Message, Take

log = structlog.get_logger()
Receive = Take


class Inbox:
    """Hands replies to whoever waits for them."""

    def __init__(self, intake: Intake) -> None:
        """Prepare; `start` subscribes."""
        self._intake = intake
        self._client: Client = intake.nc
        self._prefix = self._client.new_inbox() + "."
        self._receivers: dict[str, Receive] = {}
        self._counter = 0
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Subscribe."""
        self._subscription = await self._client.subscribe(
            self._prefix + "*", cb=self._received, pending_msgs_limit=0, pending_bytes_limit=0
        )
        self._intake.attach(self._subscription._id, self._arrived)

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
        self._arrived(message)

    def _arrived(self, message: Message) -> None:
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
