"""The connection with NATS: streams and buckets declared, events published and acknowledged.

Data plane: events are published on a connection of their own (`publisher`), which costs a third less per event than
nats-py's and several thirds less than a request per event. Everything else - pulls, settlements, buckets, requests -
goes over nats-py. The control plane (contract events, requests) has FastStream and a connection of its own.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from hub.kernel.client import Client
from hub.kernel.ending import end
from hub.kernel.errors import BrokerUnavailable, HubError, Misconfigured
from hub.kernel.lines import header_lines, subject_line
from hub.kernel.logger import log
from hub.kernel.publisher import Publisher, Receipt
from hub.kernel.settings import NatsSettings

FIRST_CONNECT_SECONDS = 5.0
"""The client itself would try for ever, and nobody would hear why nothing starts."""
_OPTIONS: dict[str, Any] = {
    "max_reconnect_attempts": -1,
    "reconnect_time_wait": 0.1,
    "connect_timeout": 3,
    "allow_reconnect": True,
    "pending_size": 32 * 1024 * 1024,
    # Two pings without an answer end a connection: a server that lost its power says nothing.
    "ping_interval": 20,
}
CONNECTION_FILE = Path("run") / "nats.json"


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


async def connect(
    servers: list[str], name: str, on_reconnect: Callable[[], None] | None = None, **access: Any
) -> Client:
    """Connect, and reconnect for ever; the first connection must succeed within a few seconds.

    Args:
        servers: their URLs.
        name: that nats-server shows.
        on_reconnect: called after each reconnect.
        access: TLS context (`tls`) and first token of the subjects of answers (`inbox_prefix`).

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

    connecting = asyncio.create_task(
        client.connect(
            servers=servers,
            name=name,
            reconnected_cb=reconnected,
            disconnected_cb=disconnected,
            error_cb=failed,
            **_OPTIONS,
            **access,
        )
    )
    try:
        async with asyncio.timeout(FIRST_CONNECT_SECONDS):
            await asyncio.shield(connecting)
    except (NatsError, OSError, TimeoutError) as error:
        raise BrokerUnavailable(
            "nats-server does not answer; is the hub up (`hub status`), or HUB_NATS__URL right?"
        ) from error
    finally:
        await end(connecting)
    return client


class Bus:
    """The data plane's connections: a publisher for what must be acknowledged, nats-py for everything else."""

    def __init__(self, client: Client, *, timeout_seconds: float = 5) -> None:
        """Wrap a connected client; `start` must run before the first publication."""
        self.nc = client
        self.js: JetStreamContext = client.jetstream(timeout=timeout_seconds)
        name = str(client.options.get("name") or "hub")
        tls, inbox = client.options.get("tls"), client.new_inbox()
        self.publisher = Publisher(client.servers, f"{name} publisher", timeout_seconds, inbox, tls)
        self._reconnected: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Connect the publisher."""
        await self.publisher.start()

    async def close(self) -> None:
        """Close both connections."""
        await self.publisher.close()
        await self.nc.close()

    def on_reconnect(self, listener: Callable[[], None]) -> None:
        """Call a function after each reconnect."""
        self._reconnected.append(listener)

    def reconnected(self) -> None:
        """Tell the listeners that the connection is back."""
        for listener in self._reconnected:
            listener()

    async def publish(self, subject: str, body: bytes, headers: Mapping[str, str]) -> Receipt:
        """Publish and wait for the acknowledgement.

        Raises:
            BrokerUnavailable: it did not come in time and nothing is known of the event's fate; or, with the field
                `full`, the stream takes no more.
            BodyTooLarge: the server takes no message of this size.
        """
        [outcome] = await self.publish_all([(subject_line(subject), header_lines(headers), body)])
        if isinstance(outcome, HubError):
            raise outcome
        return outcome

    async def publish_all(self, messages: Sequence[tuple[bytes, bytes, bytes]]) -> list[Receipt | HubError]:
        """Publish all at once and wait for every outcome; outcomes come in the order of the messages.

        Args:
            messages: subject, header lines and body of each, as `Publisher.publish` takes them.
        """
        gathering = Gathering(len(messages))
        for index, (subject, lines, body) in enumerate(messages):
            settled = partial(gathering.settle, index)
            try:
                self.publisher.publish(subject, lines, body, settled)
            except HubError as error:
                settled(error)
        return await gathering.outcomes()


class Gathering:
    """The outcomes of several publications, in their order."""

    def __init__(self, count: int) -> None:
        """Wait for as many outcomes as there are publications."""
        self._outcomes: list[Receipt | HubError | None] = [None] * count
        self._missing = count
        self._done = asyncio.get_running_loop().create_future()

    def settle(self, index: int, outcome: Receipt | HubError) -> None:
        """Take one outcome."""
        self._outcomes[index] = outcome
        self._missing -= 1
        if self._missing == 0 and not self._done.done():
            self._done.set_result(None)

    async def outcomes(self) -> list[Receipt | HubError]:
        """Return all outcomes, once nothing is missing."""
        if self._missing:
            await self._done
        return [outcome for outcome in self._outcomes if outcome is not None]
