"""Which events of the stream are delivered again to one Subscription, and whether it ever succeeded with them. Pure.

A Subscription's position says what is settled; dead letters, dropped ones and earlier replays say which of that failed.
Where the Subscription was changed since, or its position was set by hand, a settled event may have been delivered or
passed over: that is not known, and said so in place of guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from contracts.envelope import read_attributes
from hub.dispatch import dead_letters
from hub.dispatch.dead_letters import moment, text, whole
from hub.dispatch.timeline_standing import Standing
from hub.kernel.errors import InvalidField, MissingField
from hub.kernel.resource import DEFAULT_SCOPE

Fate = Literal["never", "failed", "delivered", "waiting", "in_hand", "unknown"]
AGAIN: frozenset[Fate] = frozenset({"never", "failed"})
"""What is replayed unless all is asked for: events that this Subscription never succeeded with."""
ON_THE_WAY: frozenset[Fate] = frozenset({"waiting", "in_hand"})
"""What is never replayed: it comes by itself."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter of the Subscription."""

    sequence: int
    position: int
    """Where the event lies whose delivery was given up: the original, or a replay of it."""


@dataclass(frozen=True, slots=True)
class History:
    """What is known of earlier deliveries to one Subscription."""

    standing: Standing
    failed: frozenset[int] = frozenset()
    """Positions whose delivery was given up."""
    replays: Mapping[int, Sequence[tuple[int, float]]] = field(default_factory=dict)
    """Original position → positions and moments of its replays."""
    letters: Mapping[int, Sequence[Letter]] = field(default_factory=dict)
    """Original position → dead letters that lie there now."""

    def fate_of(self, sequence: int, stored_at: float) -> Fate:
        """Return what became of an event that the Subscription listens for."""
        later = [self._place(*replay, is_replay=True) for replay in self.replays.get(sequence, ())]
        known: tuple[Fate, ...] = ("waiting", "in_hand", "delivered")
        for fate in known:
            if fate in later:
                return fate
        return self._place(sequence, stored_at, is_replay=False)

    def _place(self, sequence: int, stored_at: float, *, is_replay: bool) -> Fate:
        if sequence in self.failed:
            return "failed"
        place = self.standing.place_of(sequence, stored_at)
        if place == "earlier":
            return "never"
        if place in ("absent", "waiting"):
            return "waiting"
        if place == "in_hand":
            return "in_hand"
        # A replay was wanted when it was asked for; an event of the stream only by what the spec said then.
        certain = place == "settled" and (self.standing.generation == 1 or is_replay)
        return "delivered" if certain else "unknown"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are to be delivered again, to whom, and who asks."""

    scope: str
    name: str
    by: str
    run: str
    """Tells this replay from any other: the same event is stored once per run."""
    first: int | None = None
    since: float | None = None
    last: int | None = None
    until: float | None = None
    type: str | None = None
    key: tuple[str, str] | None = None
    everything: bool = False
    dry_run: bool = False

    def has_key(self, headers: Mapping[str, str], data: bytes) -> bool:
        """Say whether the event has the wanted value: of an attribute, or at a JSON pointer into its data."""
        if self.key is None:
            return True
        name, value = self.key
        if not name.startswith("/"):
            return read_attributes(headers).get(name) == value
        return _at_pointer(data, name) == value

    def takes(self, fate: Fate) -> bool:
        """Say whether an event of this fate is delivered again."""
        return fate not in ON_THE_WAY and (self.everything or fate in AGAIN)


def _at_pointer(data: bytes, pointer: str) -> str | None:
    try:
        value: Any = orjson.loads(data)
        for part in pointer[1:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            value = value[int(name)] if isinstance(value, list) else value[name]
        return value if isinstance(value, str) else orjson.dumps(value).decode()
    except (ValueError, KeyError, IndexError, TypeError):
        return None


def read_wanted(request: Mapping[str, Any]) -> Wanted:
    """Return what a request asks for.

    Raises:
        MissingField, InvalidField: something is missing or of the wrong form.
    """
    name = text(request, "name")
    if name is None:
        raise MissingField("name says which Subscription.", field="name")
    first, since = whole(request, "from_sequence"), moment(request, "from_at")
    if first is None and since is None:
        raise MissingField("from_sequence or from_at says where to begin.", field="from")
    return Wanted(
        text(request, "scope") or DEFAULT_SCOPE,
        name,
        (text(request, "by") or "")[:200],
        text(request, "run") or "",
        first,
        since,
        whole(request, "to_sequence"),
        moment(request, "to_at"),
        text(request, "type"),
        _key(request.get("key")),
        request.get("all") is True,
        request.get("dryRun") is True,
    )


def _key(given: Any) -> tuple[str, str] | None:
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != 2 or not all(isinstance(part, str) for part in given):
        raise InvalidField("key must be a list of an attribute (or JSON pointer) and its value.", field="key")
    return given[0], given[1]


def headers_again(
    headers: Mapping[str, str], sequence: int, letter: Letter | None, wanted: Wanted, now: float
) -> dict[str, str]:
    """Return the headers of an event of the stream that is delivered again.

    One whose dead letter lies there takes it off the pile, and says so like any replayed dead letter.
    """
    kept = dead_letters.event_headers(headers)
    origin, of = ("events", sequence) if letter is None else ("dead_letters", letter.position)
    kept |= dead_letters.origin_headers(origin, sequence, of, wanted.by, now)
    kept["Nats-Msg-Id"] = f"replay/{wanted.scope}/{wanted.name}/{wanted.run}/{sequence}"
    return kept
