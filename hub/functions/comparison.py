"""What a shadow revision made of the same events, beside what the answering one made of them. Pure."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import orjson

from hub.functions.model import Answer
from hub.functions.outcomes import error_of, outcome_of
from hub.kernel.errors import HubError

_KEPT = 50
_SHOWN_LETTERS = 1000
_CALLS_KEPT = 100


@dataclass(frozen=True, slots=True)
class Result:
    """What one revision made of an event."""

    outcome: str
    status: int
    error: str
    body: bytes | None
    """None where the answer came in parts, which are not compared."""
    milliseconds: float

    def told(self) -> dict[str, Any]:
        """Return it for people and programs."""
        text = None if self.body is None else self.body.decode(errors="replace")[:_SHOWN_LETTERS]
        said = {"status": self.status, "milliseconds": round(self.milliseconds, 2), "body": text}
        return said | ({"error": self.error} if self.error else {})


def result_of(answer: Answer | HubError, seconds: float, hidden: tuple[str, ...]) -> Result:
    """Return what an answer amounts to; values of Secrets are blotted out."""
    body: bytes | None = None
    if isinstance(answer, Answer) and answer.rest is None:
        body = answer.body
        for value in hidden:
            body = body.replace(value.encode(), b"***") if value else body
    return Result(outcome_of(answer), answer.status, error_of(answer, hidden), body, seconds * 1000)


def is_same(one: Result, other: Result) -> bool:
    """Say whether two revisions answered alike; JSON is compared by its values, a failure by its kind and text."""
    if (one.outcome, one.status, one.error) != (other.outcome, other.status, other.error):
        return False
    if one.body is None or other.body is None or one.body == other.body:
        return True
    try:
        return bool(orjson.loads(one.body) == orjson.loads(other.body))
    except orjson.JSONDecodeError:
        return False


@dataclass(slots=True)
class Comparison:
    """All that was compared since a shadow began to watch, in one process."""

    revision: int
    """That of the shadow."""
    since: str
    same: int = 0
    different: int = 0
    skipped: int = 0
    """Events it did not get, because it was too slow for them."""
    published: int = 0
    called: int = 0
    differences: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """The latest ones."""
    recorded: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """The latest events for which something was recorded instead of made."""
    _live_milliseconds: float = 0.0
    _shadow_milliseconds: float = 0.0

    def add(self, event: dict[str, str], live: tuple[int, Result], shadow: Result, calls: list[dict[str, Any]]) -> None:
        """Take the results of one event.

        Args:
            event: its id and type.
            live: number of the revision that answered, and its result.
            shadow: that of the shadow.
            calls: what the shadow published and asked of the gateway while it was at work on it.
        """
        number, result = live
        self._live_milliseconds += result.milliseconds
        self._shadow_milliseconds += shadow.milliseconds
        self.published += sum(call["kind"] == "publication" for call in calls)
        self.called += sum(call["kind"] != "publication" for call in calls)
        if calls:
            self.recorded.append({"event": event, "calls": calls[:_CALLS_KEPT]})
        if is_same(result, shadow):
            self.same += 1
            return
        self.different += 1
        self.differences.append(
            {"event": event, "revision": number, "live": result.told(), "shadow": shadow.told(), "calls": calls}
        )

    def told(self) -> dict[str, Any]:
        """Return it for people and programs."""
        compared = self.same + self.different
        mean = 1 / compared if compared else 0.0
        return {
            "revision": self.revision,
            "since": self.since,
            "same": self.same,
            "different": self.different,
            "skipped": self.skipped,
            "publications": self.published,
            "calls": self.called,
            "liveMilliseconds": round(self._live_milliseconds * mean, 2),
            "shadowMilliseconds": round(self._shadow_milliseconds * mean, 2),
            "differences": list(self.differences),
            "recorded": list(self.recorded),
        }
