"""Dead letters on request: listed, shown, delivered again, dropped.

Every action goes through the stream in pages, up to the letter that was the newest when the first page was asked for:
what fails again meanwhile is not taken up twice. A letter is stored as an event, then the audit record, then removed;
cut short anywhere, the same request repeated loses nothing and, within the stream's window, delivers nothing twice.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from contracts import subjects
from contracts.delivery.v1 import DeadLetterDropped, DeliveryReplayed
from contracts.envelope import read_attributes
from hub.dispatch import dead_letters
from hub.dispatch.auditing import record
from hub.dispatch.dead_letters import Edit, Selection
from hub.dispatch.handlers import scanning
from hub.dispatch.handlers.scanning import Page, Range, Stored
from hub.dispatch.kinds import SUBSCRIPTION
from hub.kernel.errors import InvalidInput, NotFound
from hub.kernel.resource import resource_key
from hub.kernel.room import RoomHouse

PAGE = 500
LARGEST_PAGE = 5000
_ACTIONS = {"replayed": "letter.replay", "dropped": "letter.drop"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request about dead letters."""

    selection: Selection
    page: Range
    limit: int
    by: str
    dry_run: bool
    edit: Edit | None


class DeadLetters:
    """The dead letters of Subscriptions."""

    def __init__(self, house: RoomHouse) -> None:
        """Share the house's connection."""
        self._house = house
        self._client = house.bus.nc
        self._subscriptions = house.resources(SUBSCRIPTION)

    async def found(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return dead letters, oldest first: `{"items", "total", "last", "next"?}`.

        Args:
            request: any of `name`, `scope`, `sequence`, `type`, `kind`, `since`, `until`; `cursor` (what `next` said
                before), `limit`.
        """
        asked = await self._read_request(request, headers_only=True)
        letters, page = await self._select(asked)
        items = [_shown(letter) for letter in letters]
        return {"items": items, "total": page.total, "last": asked.page.last, **_rest(asked, page)}

    async def show(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return one dead letter with its data: `{"sequence"}`."""
        asked = await self._read_request(request)
        if asked.selection.sequence is None:
            raise InvalidInput("sequence says which dead letter; `hub dead list` shows them.")
        [letter], _ = await self._select(asked)
        return dead_letters.shown_whole(letter.headers, letter.sequence, letter.stored_at, letter.data)

    async def summary(self, _request: dict[str, Any]) -> dict[str, Any]:
        """Return how many dead letters each Subscription has: `{"items": [{"scope", "subscription", "count"}]}`."""
        asked = {"subjects_filter": "dead.>"}
        state = (await scanning.request(self._client, "STREAM.INFO", subjects.DEAD, asked))["state"]
        rows = []
        for subject, count in sorted((state.get("subjects") or {}).items()):
            _, scope, name = (subjects.untoken(part) for part in subject.split(".", 2))
            rows.append({"scope": scope, "subscription": name, "count": count})
        return {"items": rows}

    async def replay(self, request: dict[str, Any]) -> dict[str, Any]:
        """Deliver dead letters again, each to its own Subscription, and take them off the pile.

        Args:
            request: as for `list`; besides `dryRun`, `by` (who asks), `last` (as the first page said), `edit`, and
                `all` when neither a Subscription nor anything else says which.

        Returns:
            `{"replayed"}`, or `{"would", "groups"}` of a dry run; `skipped` where a letter cannot be replayed; `next`
            and `last` when there are more.

        Raises:
            NotFound: the one that was asked for is not there, or its Subscription is gone.
            BrokerUnavailable: the stream takes no more; the text says how many went before.
        """
        return await self._act(request, "replayed", self._replay_one)

    async def drop(self, request: dict[str, Any]) -> dict[str, Any]:
        """Remove dead letters for good; as `replay`, without `edit`."""
        if not dead_letters.read_selection(request).is_narrowed and request.get("all") is not True:
            raise InvalidInput("Say which dead letters: a sequence, type, reason kind or time, or all.")
        return await self._act(request, "dropped", self._drop_one)

    async def _act(
        self, request: dict[str, Any], verb: str, act: Callable[[Stored, Asked], Awaitable[None]]
    ) -> dict[str, Any]:
        asked = await self._read_request(request)
        if asked.selection.name is None and not asked.selection.is_narrowed and request.get("all") is not True:
            raise InvalidInput("Say which dead letters: a Subscription, sequence, type, reason kind or time, or all.")
        letters, page = await self._select(asked)
        skipped: Counter[str] = Counter()
        if verb == "replayed":
            letters, skipped = await self._with_subscription(letters, asked)
        rest = _rest(asked, page) | ({"skipped": dict(skipped)} if skipped else {})
        if asked.dry_run:
            return {"would": len(letters), "groups": groups_of(letters), **rest}
        await scanning.for_each(letters, lambda letter: act(letter, asked), verb)
        if letters:
            await record(self._house.publish, _ACTIONS[verb], request, f"{len(letters)} {verb}")
        return {verb: len(letters), **rest}

    async def _replay_one(self, letter: Stored, asked: Asked) -> None:
        place = dead_letters.subscription_of(letter.headers)
        if place is None:
            return
        if asked.edit is not None:
            dead_letters.check_edit(asked.edit, letter.headers)
        now = self._house.clock.now().timestamp()
        event = dead_letters.again(letter.headers, letter.data, letter.sequence, asked.by, now, asked.edit)
        receipt = await self._house.bus.publish(subjects.replay(*place), event.data, event.headers)
        await self._house.publish(
            DeliveryReplayed(
                **_names(letter),
                origin="dead_letters",
                by=asked.by,
                dead_sequence=letter.sequence,
                replay_sequence=receipt.sequence,
                edited=asked.edit is not None,
            )
        )
        await scanning.remove(self._client, subjects.DEAD, letter.sequence)

    async def _drop_one(self, letter: Stored, asked: Asked) -> None:
        # Recorded first: what is gone without a record could not be told from what was delivered.
        await self._house.publish(DeadLetterDropped(**_names(letter), dead_sequence=letter.sequence, by=asked.by))
        await scanning.remove(self._client, subjects.DEAD, letter.sequence)

    async def _with_subscription(
        self, letters: Sequence[Stored], asked: Asked
    ) -> tuple[Sequence[Stored], Counter[str]]:
        """Return the letters whose Subscription is there: to any other they would be replayed into nothing."""
        present: dict[tuple[str, str] | None, bool] = {None: False}
        kept, skipped = [], Counter[str]()
        for letter in letters:
            place = dead_letters.subscription_of(letter.headers)
            if place not in present and place is not None:
                present[place] = await self._subscriptions.get(resource_key(*place)) is not None
            if present[place]:
                kept.append(letter)
            else:
                skipped["/".join(place) if place else "not of a Subscription"] += 1
        if skipped and asked.selection.sequence is not None:
            raise NotFound(
                f"Dead letter {asked.selection.sequence} has no Subscription to go to ({next(iter(skipped))});"
                " apply the Subscription again, then replay.",
                sequence=asked.selection.sequence,
            )
        return kept, skipped

    async def _read_request(self, request: dict[str, Any], *, headers_only: bool = False) -> Asked:
        selection = dead_letters.read_selection(request)
        last = dead_letters.whole(request, "last") or await scanning.last_sequence(self._client, subjects.DEAD)
        first = selection.sequence or dead_letters.whole(request, "cursor")
        since = selection.since if first is None else None
        subject = subjects.dead(selection.scope, selection.name) if selection.name else "dead.>"
        limit = 1 if selection.sequence else min(dead_letters.whole(request, "limit") or PAGE, LARGEST_PAGE)
        return Asked(
            selection,
            Range(subjects.DEAD, (subject,), first or 1, since, last, headers_only),
            limit,
            str(request.get("by") or "")[:200],
            request.get("dryRun") is True,
            dead_letters.read_edit(request),
        )

    async def _select(self, asked: Asked) -> tuple[Sequence[Stored], Page]:
        """Return the letters of one page that are meant.

        Raises:
            NotFound: one was asked for by its sequence and is not there.
        """
        page = await scanning.read_page(self._client, asked.page, asked.limit)
        selection = asked.selection
        letters = [each for each in page.messages if selection.wants(each.headers, each.stored_at)]
        if selection.sequence is not None:
            letters = [each for each in letters if each.sequence == selection.sequence]
            if not letters:
                whose = f" of '{selection.name}' in scope '{selection.scope}'" if selection.name else ""
                raise NotFound(
                    f"There is no dead letter {selection.sequence}{whose}; `hub dead list` shows what there is.",
                    sequence=selection.sequence,
                )
        return letters, page


def _rest(asked: Asked, page: Page) -> dict[str, Any]:
    """Return how to go on: nothing when the page was the last."""
    if page.next is None or asked.selection.sequence is not None:
        return {}
    return {"next": page.next, "last": asked.page.last}


def _names(letter: Stored) -> dict[str, Any]:
    attributes = read_attributes(letter.headers)
    parts = [subjects.untoken(part) for part in letter.subject.split(".", 2)]
    scope, name = dead_letters.subscription_of(letter.headers) or (parts[1], parts[-1])
    return {
        "scope": scope,
        "subscription": name,
        "event_id": attributes.get("id") or "-",
        "source": attributes.get("source") or "-",
        "type": attributes.get("type") or "-",
        "sequence": dead_letters.number(letter.headers, "Hub-Stream-Sequence") or 0,
    }


def _shown(letter: Stored) -> dict[str, Any]:
    size = dead_letters.number(letter.headers, "Nats-Msg-Size") or len(letter.data)
    return dead_letters.shown(letter.headers, letter.sequence, letter.stored_at, size)


def groups_of(letters: Sequence[Stored]) -> list[dict[str, Any]]:
    """Return the letters counted by Subscription, event type and kind of reason."""
    counted: Counter[tuple[str, str, str, str]] = Counter()
    for letter in letters:
        told = _shown(letter)
        counted[told["scope"], told["subscription"], told["type"], told["kind"]] += 1
    names = ("scope", "subscription", "type", "kind")
    return [dict(zip(names, key, strict=True)) | {"count": count} for key, count in sorted(counted.items())]
