"""Events of the stream, delivered again to one Subscription: a page per request.

What is replayed is stored under a name of its run, so a page cut short and asked for again stores nothing twice.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from contracts import subjects
from contracts.delivery.v1 import DeliveryReplayed
from contracts.envelope import read_attributes
from contracts.naming import clean_type, plain_of
from hub.dispatch import dead_letters
from hub.dispatch.auditing import record
from hub.dispatch.filters import compile_filters
from hub.dispatch.handlers import scanning
from hub.dispatch.handlers.events import Events, refused_by
from hub.dispatch.handlers.scanning import Page, Range, Stored
from hub.dispatch.kinds import SUBSCRIPTION
from hub.dispatch.replaying import History, Letter, Wanted, headers_again, read_wanted
from hub.dispatch.timeline_standing import Standing
from hub.kernel.errors import InvalidField, NotFound
from hub.kernel.resource import Resource, resource_key
from hub.kernel.room import RoomHouse

PAGE = 5000
_DROPPED = "hub.delivery.v1.dropped"
_KEPT_SECONDS = 60.0
_NOT_ASKED = Standing(0.0, 0, is_paused=False, has_consumer=False)


@dataclass
class Sorted:
    """The events of one page: those to deliver again, and how many of the others there are by the reason."""

    again: list[Stored]
    left: Counter[str]


@dataclass(frozen=True, slots=True)
class Kept:
    """What was read for a run, so that its next page need not read it again."""

    whose: str
    first: int
    """The event it was read for; it tells of this one and of later ones."""
    until: float
    records: History


class Replays:
    """Replays from the stream of events."""

    def __init__(self, house: RoomHouse, events: Events) -> None:
        """Share the house's connection; `events` knows how Subscriptions stand."""
        self._house = house
        self._client = house.bus.nc
        self._events = events
        self._subscriptions = house.resources(SUBSCRIPTION)
        self._kept: Kept | None = None

    async def replay(self, request: dict[str, Any]) -> dict[str, Any]:
        """Deliver events again to one Subscription.

        Args:
            request: `name`, `scope`; `from_sequence` or `from_at`, `to_sequence` or `to_at`; `type`, `key`
                (`[attribute or JSON pointer, value]`), `all`, `dryRun`, `by`, `run`; `cursor` and `last` as the page
                before said.

        Returns:
            `{"replayed", "left", "total", "scanned", "next"?, "last"}`; of a dry run `would` and `types` in place of
            `replayed`. `left` counts what was not replayed by what became of it: delivered, waiting, in_hand, unknown,
            filtered.

        Raises:
            NotFound: there is no such Subscription.
            InvalidField: the Subscription does not listen for the type.
            BrokerUnavailable: the stream takes no more; the text says how many went before.
        """
        wanted = read_wanted(request)
        resource = await self._need(wanted)
        last = dead_letters.whole(request, "last") or await scanning.last_sequence(self._client, subjects.EVENTS)
        page = await self._read(wanted, resource, request, last)
        history = await self.history(resource, page.messages, wanted.run)
        found = self._sort(wanted, resource, page.messages, history)
        answer: dict[str, Any] = {"left": dict(found.left), "total": page.total, "scanned": len(page.messages)}
        if wanted.dry_run:
            types = Counter(read_attributes(each.headers).get("type", "") for each in found.again)
            answer |= {"would": len(found.again), "types": dict(types)}
        else:
            lying = history.letters
            await scanning.for_each(
                found.again, lambda event: self._again(event, wanted, lying.get(event.sequence, ())), "replayed"
            )
            if found.again:
                await record(self._house.publish, "subscription.replay", request, f"{len(found.again)} replayed")
            answer |= {"replayed": len(found.again)}
        if page.next is not None and (not page.messages or not _is_past(page.messages[-1], wanted)):
            answer |= {"next": page.next}
        return answer | {"last": last}

    async def _need(self, wanted: Wanted) -> Resource:
        entry = await self._subscriptions.get(resource_key(wanted.scope, wanted.name))
        if entry is None:
            where = f"'{wanted.name}' in scope '{wanted.scope}'"
            raise NotFound(f"There is no Subscription {where}; see `hub get subscriptions`.", name=wanted.name)
        return entry.value

    async def _read(self, wanted: Wanted, resource: Resource, request: Mapping[str, Any], newest: int) -> Page:
        listening = self._events.listening_of(resource)
        listened = listening.subjects
        if wanted.type is not None:
            plain = plain_of(wanted.type, listening.prefix)
            names = {subjects.tokens(name) for name in (plain.types if plain else (clean_type(wanted.type),))}
            listened = tuple(each for each in listened if each.split(".", 2)[2] in names)
            if not listened:
                raise InvalidField(
                    f"The Subscription '{wanted.name}' does not listen for '{wanted.type}'; add the type first.",
                    field="type",
                )
        cursor = dead_letters.whole(request, "cursor")
        scope = Range(
            subjects.EVENTS,
            listened,
            first=cursor or wanted.first or 1,
            since=wanted.since if cursor is None else None,
            last=min(newest, wanted.last or newest),
        )
        limit = min(dead_letters.whole(request, "limit") or PAGE, PAGE)
        return await scanning.read_page(self._client, scope, limit)

    def _sort(self, wanted: Wanted, resource: Resource, messages: Sequence[Stored], history: History) -> Sorted:
        found = Sorted([], Counter())
        filters, listening = compile_filters(resource.spec.get("filters")), self._events.listening_of(resource)
        for each in messages:
            if _is_past(each, wanted) or not wanted.has_key(each.headers, each.data):
                continue
            fate = history.fate_of(each.sequence, each.stored_at)
            if not listening.takes(each.subject) or refused_by(filters, listening, each) is not None:
                found.left["filtered"] += 1
            elif wanted.takes(fate):
                found.again.append(each)
            else:
                found.left[fate] += 1
        return found

    async def history(self, resource: Resource, messages: Sequence[Stored], run: str) -> History:
        """Return what is known of earlier deliveries of these events, and of later ones, to a Subscription.

        The records are read once per run and kept for a while: what is given up during the run is a dead letter of
        its own, not this run's matter. The position is asked for each page.
        """
        standing = await self._events.standing(resource)
        if not messages:
            return History(standing)
        now, whose = self._house.clock.monotonic(), f"{resource.scope}/{resource.name}/{resource.uid}/{run}"
        kept = self._kept
        if not run or kept is None or kept.whose != whose or now > kept.until or messages[0].sequence < kept.first:
            records = await self._read_records((resource.scope, resource.name), messages[0])
            kept = self._kept = Kept(whose, messages[0].sequence, now + _KEPT_SECONDS, records)
        return replace(kept.records, standing=standing)

    async def _read_records(self, pair: tuple[str, str], first: Stored) -> History:
        failed: set[int] = set()
        replays: dict[int, list[tuple[int, float]]] = {}
        letters: dict[int, list[Letter]] = {}
        repeated = Range(subjects.EVENTS, (subjects.replay(*pair),), first=first.sequence + 1, headers_only=True)
        async for each in scanning.read_all(self._client, repeated):
            original = dead_letters.number(each.headers, dead_letters.ORIGINAL) or 0
            replays.setdefault(original, []).append((each.sequence, each.stored_at))
            if each.headers.get(dead_letters.ORIGIN) == "dead_letters":
                failed.add(dead_letters.number(each.headers, dead_letters.REPLAYED) or 0)
        dead = Range(subjects.DEAD, (subjects.dead(*pair),), since=first.stored_at, headers_only=True)
        async for each in scanning.read_all(self._client, dead):
            position = dead_letters.number(each.headers, "Hub-Stream-Sequence") or 0
            letters.setdefault(dead_letters.original_of(each.headers) or 0, []).append(Letter(each.sequence, position))
            failed.add(position)
        async for each in scanning.read_all(self._client, Range(subjects.HUB, (_DROPPED,), since=first.stored_at)):
            record = orjson.loads(each.data)
            if (record.get("scope"), record.get("subscription")) == pair:
                failed.add(int(record.get("sequence") or 0))
        return History(_NOT_ASKED, frozenset(failed), replays, letters)

    async def _again(self, event: Stored, wanted: Wanted, letters: Sequence[Letter]) -> None:
        now = self._house.clock.now().timestamp()
        letter = letters[-1] if letters else None
        headers = headers_again(event.headers, event.sequence, letter, wanted, now)
        receipt = await self._house.bus.publish(subjects.replay(wanted.scope, wanted.name), event.data, headers)
        attributes = read_attributes(event.headers)
        await self._house.publish(
            DeliveryReplayed(
                scope=wanted.scope,
                subscription=wanted.name,
                event_id=attributes.get("id") or "-",
                source=attributes.get("source") or "-",
                type=attributes.get("type") or "-",
                sequence=event.sequence,
                origin="events",
                by=wanted.by,
                dead_sequence=letter.sequence if letter else 0,
                replay_sequence=receipt.sequence,
            )
        )
        for each in letters:
            await scanning.remove(self._client, subjects.DEAD, each.sequence)


def _is_past(event: Stored, wanted: Wanted) -> bool:
    return wanted.until is not None and event.stored_at > wanted.until
