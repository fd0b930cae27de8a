"""Where is my event? Gathers what the streams and consumers say of one event, for the pure judgement of `timeline`.

An event is found by its sequence at once, by its id in a search from the newest backwards, bounded per request: the
answer then says where to go on.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from contracts import subjects
from contracts.envelope import read_attributes
from hub.dispatch import dead_letters, timeline
from hub.dispatch.filters import compile_filters
from hub.dispatch.filters.candidate import Predicate
from hub.dispatch.handlers import scanning
from hub.dispatch.handlers.scanning import Range, Stored
from hub.dispatch.kinds import SUBSCRIPTION
from hub.dispatch.listening import Listening, listening_of
from hub.dispatch.matching import find_refusal
from hub.dispatch.sinking import sink_of
from hub.dispatch.timeline import Evidence, Verdict, Wish
from hub.dispatch.timeline_standing import Standing, standing_of
from hub.kernel.errors import HubError, InvalidField, InvalidInput, NotFound
from hub.kernel.resource import DEFAULT_SCOPE, Resource, resource_key
from hub.kernel.room import RoomHouse
from hub.kernel.trace import is_recorded, trace_id_of

_WINDOW = 20_000
_SEARCHED = 100_000
_MOST_RECORDS = 50_000
_CLOCK_SLACK_SECONDS = 1.0
_DROPPED = "hub.delivery.v1.dropped"
Pair = tuple[str, str]


@dataclass
class Records:
    """What the streams hold of one event, by Subscription."""

    replays: dict[Pair, list[Evidence]] = field(default_factory=dict)
    attempts: dict[Pair, list[dict[str, Any]]] = field(default_factory=dict)
    letters: dict[Pair, list[dict[str, Any]]] = field(default_factory=dict)
    drops: dict[Pair, list[dict[str, Any]]] = field(default_factory=dict)
    incomplete: list[str] = field(default_factory=list)

    def pairs(self) -> set[Pair]:
        """Return scope and name of every Subscription of which something is recorded."""
        return {*self.replays, *self.attempts, *self.letters, *self.drops}


class Events:
    """Answers about single events."""

    def __init__(self, house: RoomHouse, prefix: str) -> None:
        """Share the house's connection; `prefix` is that of prefixed event types."""
        self._prefix = prefix
        self._house = house
        self._client = house.bus.nc
        self._view = house.resource_view(SUBSCRIPTION.plural)
        self._bucket = house.resources(SUBSCRIPTION)

    async def show(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return all about an event: accepted, stored, and how it stands with every Subscription.

        Args:
            request: `sequence`, or `id` with `source`, `type` where known, and `before` to go on with a search.

        Returns:
            `{"event", "accepted", "stored", "subscriptions", "incomplete"}`, or `{"next"}` while the search goes on.

        Raises:
            NotFound: there is no such event.
        """
        found = await self._find(request)
        if isinstance(found, int):
            return {"next": found}
        resources = {(each.scope, each.name): each for _, each in self._view.items()}
        records = await self._read_records(found, None)
        pairs = sorted({*resources, *records.pairs()})
        rows = await asyncio.gather(*(self._row(found, pair, resources.get(pair), records) for pair in pairs))
        return described(found, self._durability()) | {"subscriptions": list(rows), "incomplete": records.incomplete}

    async def why(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the step that decided between an event and one Subscription: as `show`, with `name` and `scope`.

        Raises:
            NotFound: there is no such event or Subscription.
        """
        name, scope = request.get("name"), request.get("scope") or DEFAULT_SCOPE
        if not isinstance(name, str) or not name or not isinstance(scope, str):
            raise InvalidField("name must be that of a Subscription.", field="name")
        entry = await self._bucket.get(resource_key(scope, name))
        if entry is None:
            where = f"'{name}' in scope '{scope}'"
            raise NotFound(f"There is no Subscription {where}; see `hub get subscriptions`.", name=name)
        found = await self._find(request)
        if isinstance(found, int):
            return {"next": found}
        records = await self._read_records(found, (scope, name))
        row = await self._row(found, (scope, name), entry.value, records)
        return described(found, self._durability()) | row | {"incomplete": records.incomplete}

    async def _find(self, request: dict[str, Any]) -> Stored | int:
        """Return the event, or the position before which the search has to go on."""
        sequence = dead_letters.whole(request, "sequence")
        if sequence is not None:
            return await self._original(await scanning.read_one(self._client, subjects.EVENTS, sequence))
        wanted = {name: request.get(name) for name in ("id", "source", "type")}
        if not isinstance(wanted["id"], str) or not wanted["id"]:
            raise InvalidInput("Say which event: its id, or its sequence.")
        return await self._search(wanted, dead_letters.whole(request, "before"))

    async def _search(self, wanted: Mapping[str, Any], before: int | None) -> Stored | int:
        state = (await scanning.request(self._client, "STREAM.INFO", subjects.EVENTS, {}))["state"]
        high = (before or int(state["last_seq"]) + 1) - 1
        first, searched = int(state["first_seq"]), 0
        subject = _narrowed(wanted)
        while high >= first and searched < _SEARCHED:
            low = max(first, high - _WINDOW + 1)
            window = Range(subjects.EVENTS, (subject,), first=low, last=high, headers_only=True)
            alike = [each async for each in scanning.read_all(self._client, window, _WINDOW) if _is(each, wanted)]
            if alike:
                return await scanning.read_one(self._client, subjects.EVENTS, alike[-1].sequence)
            searched += high - low + 1
            high = low - 1
        if high >= first:
            return high + 1
        whose = f" of '{wanted['source']}'" if wanted["source"] else ""
        text = f"The event store holds no event '{wanted['id']}'{whose}; it keeps them for a limited time."
        raise NotFound(text, id=wanted["id"])

    async def _original(self, stored: Stored) -> Stored:
        """Return the accepted event that a replay repeats, as long as it is kept; any other as it is."""
        original = dead_letters.number(stored.headers, dead_letters.ORIGINAL)
        if not stored.subject.startswith("replay.") or original is None:
            return stored
        try:
            return await scanning.read_one(self._client, subjects.EVENTS, original)
        except NotFound:
            return stored

    async def _row(self, event: Stored, pair: Pair, resource: Resource | None, records: Records) -> dict[str, Any]:
        own = Evidence(event.sequence, event.stored_at)
        trail = timeline.collect(
            own,
            records.replays.get(pair, []),
            records.attempts.get(pair, []),
            records.letters.get(pair, []),
            records.drops.get(pair, []),
        )
        head = {"scope": pair[0], "subscription": pair[1]}
        if resource is None:
            removed = Verdict("gone", "gone", "The Subscription was removed since.")
            gone = timeline.of_record(trail[-1], trail) or removed
            return head | {"sink": "", "function": None} | timeline.told(trail, gone)
        about = timeline.Event(event.sequence, event.stored_at, event.subject)
        wish = self.wish_of(resource, event)
        standing = await self.standing(resource, needed=pair in records.pairs() or _may_match(about, wish))
        verdict = timeline.judge(about, wish, standing, trail)
        return head | _sink(resource) | timeline.told(trail, verdict)

    def wish_of(self, resource: Resource, event: Stored | None = None) -> Wish:
        """Return what a Subscription listens for, and whether one of its filters refuses the event."""
        filters = resource.spec.get("filters") or []
        listening = self.listening_of(resource)
        refused = refused_by(compile_filters(filters), listening, event) if event is not None else None
        written = tuple(each for each in filters if isinstance(each, Mapping))
        return Wish(listening.subjects, refused, written, listening)

    def listening_of(self, resource: Resource) -> Listening:
        """Return which subjects a Subscription listens to, and for whose events."""
        return listening_of(resource.spec, self._prefix)

    async def standing(self, resource: Resource, *, needed: bool = True) -> Standing:
        """Return how far a Subscription has come; nats-server is asked only when that is needed."""
        info: dict[str, Any] | None = None
        if needed:
            durable = subjects.durable(resource.scope, resource.name)
            try:
                info = await scanning.request(self._client, "CONSUMER.INFO", f"{subjects.EVENTS}.{durable}", {})
            except NotFound:
                info = None
        return standing_of(resource, info)

    async def _read_records(self, event: Stored, pair: Pair | None) -> Records:
        """Read what the streams hold of an event, of one Subscription or of all."""
        found, since = Records(), event.stored_at - _CLOCK_SLACK_SECONDS
        attributes = read_attributes(event.headers)
        identity = (attributes.get("id", ""), attributes.get("source", ""))
        replays = Range(subjects.EVENTS, (_under("replay", pair),), first=event.sequence + 1, headers_only=True)
        async for each in self._bounded(replays, "replays", found):
            _take_replay(each, event.sequence, found)
        attempts = Range(subjects.ATTEMPTS, (_under("attempts", pair),), since=since)
        async for each in self._bounded(attempts, "attempts", found):
            _take_attempt(each, identity, found)
        letters = Range(subjects.DEAD, (_under("dead", pair),), since=since, headers_only=True)
        async for each in self._bounded(letters, "dead letters", found):
            _take_letter(each, identity, found)
        drops = Range(subjects.HUB, (_DROPPED,), since=since)
        async for each in self._bounded(drops, "dropped dead letters", found):
            _take_drop(each, identity, found)
        return found

    async def _bounded(self, wanted: Range, what: str, found: Records) -> AsyncIterator[Stored]:
        count = 0
        async for each in scanning.read_all(self._client, wanted):
            count += 1
            if count > _MOST_RECORDS:
                found.incomplete.append(f"Only the first {_MOST_RECORDS} {what} since the event were read.")
                return
            yield each

    def _durability(self) -> str:
        nats = self._house.settings.nats
        return f"{'synced' if nats.sync == 'always' else 'buffered'}, R{nats.replicas}"


def refused_by(filters: Sequence[Predicate], listening: Listening, event: Stored) -> int | None:
    """Return the position of the first compiled filter that refuses an event; None when none does."""
    refusal = find_refusal(filters, listening.headers_told(event.subject, event.headers), event.data)
    return None if refusal is None else refusal.position


def _narrowed(wanted: Mapping[str, Any]) -> str:
    source, event_type = wanted["source"], wanted["type"]
    if source and event_type:
        return subjects.event(str(source), str(event_type))
    if source:
        return subjects.events_of_source(str(source))
    return subjects.events_of_type(str(event_type)) if event_type else "events.>"


def _is(stored: Stored, wanted: Mapping[str, Any]) -> bool:
    return read_attributes(stored.headers).get("id") == str(wanted["id"])


def _may_match(event: timeline.Event, wish: Wish) -> bool:
    return wish.refused_by is None and timeline.find_mismatch(event, wish) is None


def _under(root: str, pair: Pair | None) -> str:
    return f"{root}.>" if pair is None else f"{root}.{subjects.token(pair[0])}.{subjects.token(pair[1])}"


def _pair_of(subject: str) -> Pair:
    _, scope, name = (subjects.untoken(part) for part in subject.split(".", 2))
    return scope, name


def _take_replay(stored: Stored, original: int, found: Records) -> None:
    if dead_letters.number(stored.headers, dead_letters.ORIGINAL) != original:
        return
    origin, by = stored.headers.get(dead_letters.ORIGIN, ""), stored.headers.get(dead_letters.BY, "")
    of = dead_letters.number(stored.headers, dead_letters.REPLAYED)
    evidence = Evidence(stored.sequence, stored.stored_at, origin, by, of)
    found.replays.setdefault(_pair_of(stored.subject), []).append(evidence)


def _take_attempt(stored: Stored, identity: Pair, found: Records) -> None:
    try:
        record = orjson.loads(stored.data)
    except orjson.JSONDecodeError:
        return
    if isinstance(record, dict) and (record.get("id"), record.get("source")) == identity:
        record["recorded_at"] = stored.stored_at
        record.setdefault("at", dead_letters.moment_text(stored.stored_at))
        found.attempts.setdefault(_pair_of(stored.subject), []).append(record)


def _take_letter(stored: Stored, identity: Pair, found: Records) -> None:
    letter = dead_letters.shown(stored.headers, stored.sequence, stored.stored_at, 0)
    if (letter["id"], letter["source"]) == identity:
        letter["position"] = dead_letters.number(stored.headers, "Hub-Stream-Sequence")
        found.letters.setdefault(_pair_of(stored.subject), []).append(letter)


def _take_drop(stored: Stored, identity: Pair, found: Records) -> None:
    record = orjson.loads(stored.data)
    if (record.get("event_id"), record.get("source")) == identity:
        found.drops.setdefault((record["scope"], record["subscription"]), []).append(record)


def _sink(resource: Resource) -> dict[str, Any]:
    try:
        sink = sink_of(resource.spec["sink"], resource.scope)
    except (HubError, KeyError, ValueError):
        return {"sink": str(resource.spec.get("sink", "")), "function": None}
    function = {"scope": sink.scope, "name": sink.name} if sink.kind == "function" else None
    return {"sink": resource.spec["sink"], "function": function}


def described(event: Stored, durability: str) -> dict[str, Any]:
    """Return what is known of the event itself: its attributes, who had it accepted when, where it is stored."""
    attributes, context = read_attributes(event.headers), event.headers.get("traceparent", "")
    return {
        "event": {
            **{name: attributes.get(name, "") for name in ("id", "source", "type")},
            "attributes": attributes,
            "size": len(event.data),
        },
        "accepted": {
            "at": dead_letters.moment_text(event.stored_at),
            "by": attributes.get("source", ""),
            "how": event.headers.get("Hub-Dialect", ""),
            "traceparent": context,
            "trace": trace_id_of(context),
            "recorded": is_recorded(context),
        },
        "stored": {
            "stream": subjects.EVENTS,
            "sequence": event.sequence,
            "subject": event.subject,
            "durability": durability,
        },
    }
