"""Events that are kept aside because their data breaks the schema of their type: shown, let through, dropped.

They lie in a stream of their own, so no Subscription can see them. Letting one through stores it among the accepted
events before it is taken away here: after a crash in between the next try stores it no second time, by its message id.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from nats.errors import Error as NatsError
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError
from nats.js.errors import NotFoundError as NotStored

from contracts import subjects
from contracts.audit.v1 import AuditRecorded
from contracts.envelope import Contract, decode_value, read_attributes
from hub.kernel.broker import Bus
from hub.kernel.clock import rfc3339
from hub.kernel.desk import Answer, Asked
from hub.kernel.errors import BrokerUnavailable, InvalidField, MissingField, NotFound

log = structlog.get_logger()
Publish = Callable[[Contract], Awaitable[None]]
MOST = 500
"""Most events in one answer; who wants more asks again."""
VIOLATION = "hub-violation"
_SHOWN_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are meant."""

    sequences: tuple[int, ...]
    """These; empty for all that the filter lets through."""
    filter: str
    after: int
    """Only those behind this position."""


def selection_of(request: Mapping[str, Any], *, needs_choice: bool) -> Selection:
    """Read a request: `{"sequences": [...]}`, or `{"all": true, "application", "type", "after"}`.

    Args:
        request: as it came.
        needs_choice: refuse a request that names neither sequences nor `all`.

    Raises:
        InvalidField, MissingField: naming the member.
    """
    sequences = request.get("sequences") or []
    if not isinstance(sequences, list) or not all(_is_position(each) for each in sequences) or len(sequences) > MOST:
        raise InvalidField(f"sequences must be a list of at most {MOST} numbers.", field="sequences")
    for name in ("application", "type"):
        if not isinstance(request.get(name) or "", str):
            raise InvalidField(f"{name} must be text.", field=name)
    after = request.get("after") or 0
    if not _is_position(after) and after != 0:
        raise InvalidField("after must be a number.", field="after")
    if needs_choice and not sequences and request.get("all") is not True:
        raise MissingField("Say which events: their sequences, or all.", field="sequences")
    application, event_type = request.get("application") or "", request.get("type") or ""
    return Selection(tuple(sequences), subjects.quarantined(application, event_type), after)


def _is_position(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


class Quarantine:
    """The events that are kept aside."""

    def __init__(self, bus: Bus, publish: Publish) -> None:
        """Share the data plane's connection; `publish` takes audit records."""
        self._bus = bus
        self._publish = publish

    def verbs(self) -> dict[str, Asked]:
        """Return what may be asked, by its verb."""
        return {"list": self.list, "show": self.show, "release": self.release, "drop": self.drop}

    async def list(self, request: dict[str, Any]) -> Answer:
        """Return what is known of the events, oldest first, without their data; `more` when there are others behind."""
        found = [event async for event in self._read(selection_of(request, needs_choice=False))]
        return {"items": [described(event) for event in found], "more": len(found) == MOST}

    async def show(self, request: dict[str, Any]) -> Answer:
        """Return one event with its attributes and data.

        Raises:
            NotFound: it is not there (any more).
        """
        selection = selection_of(request, needs_choice=True)
        async for event in self._read(selection):
            return described(event) | {"attributes": read_attributes(event.headers or {}), "data": _shown(event)}
        raise NotFound("There is no such event in quarantine; see `hub catalog quarantine list`.")

    async def release(self, request: dict[str, Any]) -> Answer:
        """Let events through, oldest first: from here on they are delivered like any other.

        Raises:
            BrokerUnavailable: the event store takes no more; what was not let through is still there.
        """
        released = duplicates = 0
        selection = selection_of(request, needs_choice=True)
        try:
            async for event in self._read(selection):
                headers = {key: value for key, value in (event.headers or {}).items() if key.lower() != VIOLATION}
                receipt = await self._bus.publish(subjects.released(event.subject or ""), event.data or b"", headers)
                await self._remove(event)
                released += 1
                duplicates += receipt.duplicate
        finally:
            await self._record("release", request, released)
        log.info("quarantine.released", events=released, duplicates=duplicates)
        return {"released": released, "duplicates": duplicates, "more": released == MOST}

    async def drop(self, request: dict[str, Any]) -> Answer:
        """Remove events for good."""
        dropped = 0
        selection = selection_of(request, needs_choice=True)
        try:
            async for event in self._read(selection):
                await self._remove(event)
                dropped += 1
        finally:
            await self._record("drop", request, dropped)
        log.info("quarantine.dropped", events=dropped)
        return {"dropped": dropped, "more": dropped == MOST}

    async def _record(self, verb: str, request: Mapping[str, Any], count: int) -> None:
        """Record who did it to how many, of a request that broke off too."""
        if not count:
            return
        names = ("application", "type", "sequences")
        chosen = ", ".join(f"{name} {request[name]}" for name in names if request.get(name))
        await self._publish(
            AuditRecorded(
                actor=f"operator:{str(request.get('by') or 'unnamed')[:200]}",
                action=f"quarantine.{verb}",
                target=f"applications/{request['application']}" if request.get("application") else "applications",
                detail=f"{count} events; {chosen or 'all'}"[:500],
            )
        )

    async def _read(self, selection: Selection) -> AsyncIterator[RawStreamMsg]:
        for sequence in selection.sequences:
            event = await self._get(sequence, None)
            if event is not None:
                yield event
        sequence = selection.after + 1
        for _ in range(0 if selection.sequences else MOST):
            event = await self._get(sequence, selection.filter)
            if event is None:
                return
            sequence = (event.seq or 0) + 1
            yield event

    async def _get(self, sequence: int, following: str | None) -> RawStreamMsg | None:
        """Return the event at a position, or with a filter the first from there on."""
        try:
            if following is None:
                return await self._bus.js.get_msg(subjects.QUARANTINE, seq=sequence)
            return await self._bus.js.get_msg(subjects.QUARANTINE, seq=sequence, subject=following, next=True)
        except NotStored:
            return None
        except (APIError, NatsError, TimeoutError) as error:
            raise BrokerUnavailable from error

    async def _remove(self, event: RawStreamMsg) -> None:
        try:
            await self._bus.js.delete_msg(subjects.QUARANTINE, event.seq or 0)
        except NotStored:
            return
        except (APIError, NatsError, TimeoutError) as error:
            raise BrokerUnavailable from error


def described(event: RawStreamMsg) -> dict[str, Any]:
    """Return what a list tells of an event; its data is not."""
    attributes = read_attributes(event.headers or {})
    headers = {name.lower(): value for name, value in (event.headers or {}).items()}
    application, event_type = subjects.read_event(event.subject or "..")
    stored = event.time.astimezone(UTC) if isinstance(event.time, datetime) else None
    return {
        "sequence": event.seq,
        "application": application,
        "type": event_type,
        "id": attributes.get("id", ""),
        "stored": rfc3339(stored) if stored else "",
        "size": len(event.data or b""),
        "violation": decode_value(headers.get(VIOLATION, "")),
    }


def _shown(event: RawStreamMsg) -> Any:
    data = event.data or b""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return data[:_SHOWN_BYTES].decode(errors="replace")
