"""What this process sends to nats-server without waiting: acknowledgements, requests for events, calls, records.

One task sends for everybody, so a callback may send, and nothing on the way of an event waits for the network. What
nobody waits for is held a moment, for under load writing to the network costs more than all else: the
acknowledgements of a millisecond go in one piece.
"""

import asyncio
from collections import deque
from collections.abc import Callable

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from hub.kernel.ending import end

log = structlog.get_logger()
_Item = tuple[str, bytes, str, dict[str, str] | None, Callable[[], None] | None]

ACK, TERMINATE, IN_PROGRESS = b"+ACK", b"+TERM", b"+WPI"
NACK = b"-NAK"
_HOLD_SECONDS = 0.001


class Outbox:
    """Sends in the order of calls."""

    def __init__(self, client: Client) -> None:
        """Prepare; `start` begins to send."""
        self._client = client
        self._items: deque[_Item] = deque()
        self._acknowledged: list[str] = []
        self._filled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_held = False
        """Whether a timer will let go what is held."""

    def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.create_task(self._send_all(), name="dispatch-outbox")

    def send(
        self,
        subject: str,
        body: bytes,
        *,
        reply: str = "",
        headers: dict[str, str] | None = None,
        on_lost: Callable[[], None] | None = None,
        is_awaited: bool = True,
    ) -> None:
        """Send a message soon; while the connection is away it is kept, as far as the client's buffer reaches.

        `on_lost` is told when it could not even be kept. What nobody awaits goes within a millisecond, or with the
        next message that somebody does.
        """
        self._items.append((subject, body, reply, headers, on_lost))
        if is_awaited:
            self._filled.set()
        else:
            self._hold()

    def acknowledge(self, *replies: str) -> None:
        """Tell nats-server that messages are done with."""
        self._acknowledged += replies
        self._hold()

    def _hold(self) -> None:
        if not self._is_held:
            self._is_held = True
            asyncio.get_running_loop().call_later(_HOLD_SECONDS, self._let_go)

    def _let_go(self) -> None:
        self._is_held = False
        self._filled.set()

    def nack(self, reply: str, wait_seconds: float = 0.0) -> None:
        """Give a message back, to be handed out again after a pause."""
        pause = b"" if wait_seconds <= 0 else b' {"delay": %d}' % int(wait_seconds * 1e9)
        self.send(reply, NACK + pause)

    async def _send_all(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            try:
                await self._send_waiting()
            except Exception:  # nothing may end the sending: everybody's goes through here
                log.exception("bug.caught", at="sending")
                self._filled.set()

    async def _send_waiting(self) -> None:
        publish = self._client.publish
        if self._acknowledged:
            await self._send_acknowledgements()
        while self._items:
            subject, body, reply, headers, on_lost = self._items.popleft()
            try:
                await publish(subject, body, reply=reply, headers=headers)
            except (NatsError, ValueError) as error:
                # An acknowledgement that is lost means a repeated delivery, never a lost event.
                log.debug("message.unsent", subject=subject, error=repr(error))
                if on_lost is not None:
                    on_lost()

    async def _send_acknowledgements(self) -> None:
        replies, self._acknowledged = self._acknowledged, []
        client = self._client
        if client.is_connected and not client.is_draining_pubs:
            # What the client's `publish` comes to, once for all: its checks cost more than all else per event.
            await client._send_command("".join([f"PUB {reply} 4\r\n+ACK\r\n" for reply in replies]).encode())
            await client._flush_pending()
            return
        for reply in replies:  # kept by the client as far as its buffer reaches
            self.send(reply, ACK)

    async def flush(self, seconds: float) -> None:
        """Send what is left and wait until nats-server has it, within a time limit."""
        try:
            async with asyncio.timeout(seconds):
                self._filled.set()
                while self._items or self._filled.is_set():  # noqa: ASYNC110 - at the end of the process only
                    await asyncio.sleep(0)
                await self._client.flush()
                await self._client.flush()  # the first PING overtakes what the client still has to write
        except (TimeoutError, NatsError) as error:
            log.debug("message.unsent", error=repr(error))

    async def stop(self, seconds: float) -> None:
        """Send what is left, within a time limit, and end."""
        if self._task is not None:
            await self.flush(seconds)
            await end(self._task)
