"""Makes room in the event store before it is full, and says when that does not help.

Runs in every process that delivers events, not where they come in: nothing is read while nobody delivers, and what
faces the network must not be able to take stored events away. Two that clear at once clear the same.
"""

import asyncio
from typing import Any

import orjson
import structlog
from nats.errors import Error as NatsError

from contracts import subjects
from hub.dispatch import metering
from hub.dispatch.clearing import Reader, Store, keep_from
from hub.kernel.broker import Bus
from hub.kernel.ending import end
from hub.kernel.errors import BrokerUnavailable, HubError
from hub.kernel.settings import StreamSettings

log = structlog.get_logger()


class Janitor:
    """Looks after the stream of events."""

    def __init__(self, bus: Bus, settings: StreamSettings) -> None:
        """Prepare; `start` begins to look."""
        self._bus = bus
        self._settings = settings
        self._alarmed = False
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look, again and again."""
        self._looking = asyncio.create_task(self._look(), name="janitor")

    async def stop(self) -> None:
        """Look no more."""
        await end(self._looking)

    async def _look(self) -> None:
        while True:
            try:
                await self.clear()
            except HubError as error:
                log.debug("store.unseen", error=error.detail)
            await asyncio.sleep(self._settings.janitor_seconds)

    async def clear(self) -> None:
        """Look once: clear what may be cleared, and raise or end the alarm.

        Raises:
            BrokerUnavailable: the event store does not answer.
        """
        store = store_of(await self._ask(f"STREAM.INFO.{subjects.EVENTS}", {}))
        if store.share > self._settings.clear_above:
            keep = keep_from(store, await self._readers(), self._settings.clear_above)
            if keep is not None:
                answer = await self._ask(f"STREAM.PURGE.{subjects.EVENTS}", {"seq": keep})
                log.info("store.cleared", events=answer.get("purged", 0), keep_from=keep, share=round(store.share, 3))
                store = store_of(await self._ask(f"STREAM.INFO.{subjects.EVENTS}", {}))
        metering.STORE_SHARE.set(store.share)
        self._tell(store.share)

    def _tell(self, share: float) -> None:
        full = share >= self._settings.warn_above
        if full and not self._alarmed:
            log.warning("store.filling", share=round(share, 3), cause="unread events of slow or dead Subscriptions")
        if self._alarmed and not full:
            log.info("store.relieved", share=round(share, 3))
        self._alarmed = full

    async def _readers(self) -> list[Reader]:
        readers: list[Reader] = []
        while True:
            page = await self._ask(f"CONSUMER.LIST.{subjects.EVENTS}", {"offset": len(readers)})
            found = page.get("consumers") or []
            readers += [reader_of(each) for each in found]
            if not found or len(readers) >= page.get("total", 0):
                return readers

    async def _ask(self, what: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            reply = await self._bus.nc.request(f"$JS.API.{what}", orjson.dumps(request), timeout=5)
        except (NatsError, TimeoutError) as error:
            raise BrokerUnavailable from error
        answer: dict[str, Any] = orjson.loads(reply.data)
        if answer.get("error"):
            raise BrokerUnavailable(f"The event store refused: {answer['error'].get('description', '')}.")
        return answer


def store_of(answer: dict[str, Any]) -> Store:
    """Read the state of a stream."""
    state, config = answer["state"], answer["config"]
    return Store(state["first_seq"], state["last_seq"], state["messages"], state["bytes"], config.get("max_bytes", -1))


def reader_of(consumer: dict[str, Any]) -> Reader:
    """Read the state of a consumer."""
    return Reader(
        acknowledged=consumer["ack_floor"]["stream_seq"],
        delivered=consumer["delivered"]["stream_seq"],
        unacknowledged=consumer["num_ack_pending"],
        pending=consumer["num_pending"],
    )
