"""The connection with NATS: streams and buckets declared, events published and acknowledged.

Data plane: events are published on one connection with an inbox of its own. Each publication carries a reply subject
below that inbox; one subscription takes all acknowledgements and settles the waiting futures. That is 1.5 times as
fast as a request per event (which makes a timer and an inbox token each), and several publications are under way at
once. The control plane (contract events, requests) has FastStream and a connection of its own.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from hub.kernel.client import Client
from hub.kernel.errors import BrokerUnavailable, HubError, Misconfigured
from hub.kernel.settings import NatsSettings

log = structlog.get_logger()

CONNECTION_FILE = Path("run") / "nats.json"
# nats-server's codes for a stream that takes no more: store failed, insufficient resources, storage, memory.
_FULL = {10077, 10023, 10047, 10028}


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where an event was stored."""

    stream: str
    sequence: int
    duplicate: bool


def servers_of(settings: NatsSettings, data_dir: Path) -> list[str]:
    """Return the URLs to connect to: the configured ones, or the embedded server's own.

    Raises:
        Misconfigured: neither is there.
    """
    if settings.url is not None:
        return [part.strip() for part in settings.url.get_secret_value().split(",") if part.strip()]
    try:
        return [json.loads((data_dir / CONNECTION_FILE).read_text())["url"]]
    except (OSError, ValueError, KeyError) as error:
        raise Misconfigured(
            f"No event store: HUB_NATS__URL is not set and no hub runs in {data_dir}; start one with `hub up`."
        ) from error


async def connect(servers: list[str], name: str, on_reconnect: Callable[[], None] | None = None) -> Client:
    """Connect, and reconnect for ever; the first connection must succeed within a few seconds.

    Raises:
        BrokerUnavailable: no server answered.
    """
    client = Client()

    async def reconnected() -> None:
        log.info("broker.reconnected", name=name)
        if on_reconnect is not None:
            on_reconnect()

    async def disconnected() -> None:
        if not client.is_closed and not client.is_draining:
            log.warning("broker.disconnected", name=name)

    async def failed(error: Exception) -> None:
        log.debug("broker.failed", name=name, error=repr(error))

    try:
        await client.connect(
            servers=servers,
            name=name,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.1,  # type: ignore[arg-type]  # declared int, taken as seconds of any kind
            connect_timeout=3,
            allow_reconnect=True,
            reconnected_cb=reconnected,
            disconnected_cb=disconnected,
            error_cb=failed,
            pending_size=32 * 1024 * 1024,
        )
    except (NatsError, OSError, TimeoutError) as error:
        raise BrokerUnavailable("nats-server does not answer; is it up? See HUB_NATS__URL.") from error
    return client


class Bus:
    """The data plane's connection."""

    def __init__(self, client: Client, *, timeout_seconds: float = 5) -> None:
        """Wrap a connected client; `start` must run before the first publication."""
        self.nc = client
        self.js: JetStreamContext = client.jetstream(timeout=timeout_seconds)
        self.timeout_seconds = timeout_seconds
        self._prefix = ""
        self._counter = 0
        self._waiting: dict[str, asyncio.Future[Receipt]] = {}
        self._reconnected: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Subscribe to the acknowledgements."""
        self._prefix = self.nc.new_inbox() + "."
        await self.nc.subscribe(self._prefix + "*", cb=self._settle, pending_msgs_limit=0, pending_bytes_limit=0)

    def on_reconnect(self, listener: Callable[[], None]) -> None:
        """Call a function after each reconnect."""
        self._reconnected.append(listener)

    def reconnected(self) -> None:
        """Tell the listeners that the connection is back."""
        for listener in self._reconnected:
            listener()

    async def publish(self, subject: str, body: bytes, headers: dict[str, str]) -> Receipt:
        """Publish and wait for the acknowledgement.

        Raises:
            BrokerUnavailable: it did not come in time and nothing is known of the event's fate; or, with the field
                `full`, the stream takes no more.
        """
        if not self.nc.is_connected:
            raise BrokerUnavailable
        self._counter += 1
        token = f"{self._counter:x}"
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting[token] = future
        expiry = asyncio.get_running_loop().call_later(self.timeout_seconds, self._fail, token, BrokerUnavailable())
        try:
            await self.nc.publish(subject, body, reply=self._prefix + token, headers=headers)
            return await future
        except NatsError as error:
            raise BrokerUnavailable from error
        finally:
            expiry.cancel()
            self._waiting.pop(token, None)

    def _fail(self, token: str, error: HubError) -> None:
        future = self._waiting.pop(token, None)
        if future is not None and not future.done():
            future.set_exception(error)

    async def _settle(self, message: Msg) -> None:
        future = self._waiting.pop(message.subject[len(self._prefix) :], None)
        if future is None or future.done():
            return
        try:
            future.set_result(receipt_of(message.data, message.headers))
        except HubError as error:
            future.set_exception(error)


def receipt_of(body: bytes, headers: dict[str, str] | None) -> Receipt:
    """Read a JetStream acknowledgement.

    Raises:
        BrokerUnavailable: the stream takes no more (field `full`), no stream takes the subject, or the server refused.
    """
    if not body:
        raise BrokerUnavailable(f"No stream takes this event ({(headers or {}).get('Status', 'no answer')}).")
    ack: dict[str, Any] = orjson.loads(body)
    problem = ack.get("error")
    if problem is None:
        return Receipt(ack["stream"], ack["seq"], bool(ack.get("duplicate", False)))
    if problem.get("err_code") in _FULL:
        raise BrokerUnavailable(
            "The event store is full; nothing unread is discarded, so new events must wait.",
            full=True,
            retry_after_seconds=5,
        )
    raise BrokerUnavailable(f"The event store refused: {problem.get('description', 'unknown reason')}.")
