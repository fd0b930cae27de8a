"""Asks nats-server for the events of one Subscription: as many as there are free slots, never more.

Requests overlap: the next one goes out while events of the one before are under way, so the sink is not waited for by
the network. What is counted is how many events were asked for and have not come: a filled request ends in silence, any
other with a word on how many it leaves. Several processes ask the same consumer and so share its events.
"""

import asyncio
from collections.abc import Callable

import orjson
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from contracts import subjects
from hub.dispatch.consumer.intake import Intake, Message, Take
from hub.dispatch.consumer.outbox import Outbox

log = structlog.get_logger()
ACK_PREFIX = "$JS.ACK."
EXPIRES_SECONDS = 20.0
"""How long a request stays open, unless told otherwise."""
_NO_MESSAGES, _TIMED_OUT = "404", "408"
_NO_CONSUMER = "503"
_DELETED = "Consumer Deleted"
# Share of the slots that must be free before the next request; smaller means more requests, larger idle slots.
_STEP = 8
_LARGEST_STEP = 100
_PAUSE_SECONDS = 0.25
# Past the end of the last request, until whatever was asked for is taken for lost.
_GRACE_SECONDS = 2.0


class Pulling:
    """The flow of events of one consumer into this process."""

    def __init__(
        self, durable: str, intake: Intake, outbox: Outbox, *, take: Take, on_lost: Callable[[], None]
    ) -> None:
        """Prepare; `start` subscribes, `resize` opens the first slots.

        Args:
            durable: name of the consumer.
            intake: where events come in.
            outbox: where requests go out.
            take: gets each event; its slot is taken until `release`.
            on_lost: told when nats-server does not know the consumer.
        """
        self._request = f"$JS.API.CONSUMER.MSG.NEXT.{subjects.EVENTS}.{durable}"
        self._intake, self._outbox = intake, outbox
        self._client: Client = intake.nc
        self._reply = self._client.new_inbox()
        self._take = take
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._subscription: Subscription | None = None
        self._asked = 0
        self._deadline = float("inf")
        self._slots = 0
        self._step = 1
        self._is_open = False
        self._is_paused = False
        self.expires_seconds = EXPIRES_SECONDS
        self.in_hand = 0

    async def start(self) -> None:
        """Subscribe, unless that is done.

        Raises:
            NatsError: the connection is closed.
        """
        if self._subscription is not None:
            return
        self._is_open, self._asked = True, 0
        self._subscription = await self._client.subscribe(
            self._reply, cb=self._received, pending_msgs_limit=0, pending_bytes_limit=0
        )
        self._intake.attach(self._subscription._id, self._arrived)

    def resize(self, slots: int) -> None:
        """Set how many events may be in hand at once; 0 to ask for none."""
        self._slots = slots
        self._step = max(1, min(slots // _STEP, _LARGEST_STEP))
        self.ask()

    def release(self, count: int = 1) -> None:
        """Free the slots of events whose delivery ended."""
        self.in_hand -= count
        self.ask()

    def ask(self) -> None:
        """Ask for events when enough slots are free."""
        free = self._slots - self.in_hand - self._asked
        if free < self._step or not self._is_open or self._is_paused:
            return
        self._asked += free
        self._deadline = self._loop.time() + self.expires_seconds + _GRACE_SECONDS
        wish = {"batch": free, "expires": int(self.expires_seconds * 1e9)}
        self._outbox.send(self._request, orjson.dumps(wish), reply=self._reply)

    async def _received(self, message: Msg) -> None:
        self._arrived(message)

    def _arrived(self, message: Message) -> None:
        if not message.reply.startswith(ACK_PREFIX):
            self._told(message.headers or {})
            return
        if self._asked:
            self._asked -= 1
        self.in_hand += 1
        self._take(message)

    def _told(self, headers: dict[str, str]) -> None:
        status, text = headers.get("Status", ""), headers.get("Description", "")
        if status == "100":  # a sign of life
            return
        left = headers.get("Nats-Pending-Messages", "")
        self._asked = max(0, self._asked - int(left)) if left.isdigit() else 0
        if status == _NO_CONSUMER or text == _DELETED:
            self._on_lost()
        if status in (_NO_MESSAGES, _TIMED_OUT):
            self.ask()
        elif not self._is_paused:
            # Shutting down, changing leader, too many requests: what passes by itself, but not at once.
            log.debug("pull.refused", status=status, text=text)
            self._is_paused = True
            self._loop.call_later(_PAUSE_SECONDS, self._resume)

    def _resume(self) -> None:
        self._is_paused = False
        self.ask()

    def renew(self) -> None:
        """Ask anew, after a reconnect.

        Requests from before may still be filled - the client sends what it had kept - and their events are taken, so
        for a moment more may be in hand than there are slots; given back they would have to come again.
        """
        self._asked = 0
        self.ask()

    def drop_expired(self, now: float) -> None:
        """Ask again when nats-server must have ended every request by now."""
        if now > self._deadline:
            self._asked = 0
        self.ask()

    async def stop(self) -> None:
        """Ask no more and unsubscribe; everything that nats-server sent before has been taken when this returns."""
        self._is_open = False
        subscription, self._subscription = self._subscription, None
        if subscription is None:
            return
        try:
            await subscription.drain()  # type: ignore[no-untyped-call]  # nats-py leaves it without types
        except NatsError as error:
            log.debug("inbox.lost", error=repr(error))
        self._intake.detach(subscription._id)
