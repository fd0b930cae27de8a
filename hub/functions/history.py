"""The revisions of one Function: what is remembered of each, which ones stay, which one to go back to. Pure.

A revision has the generation of the Function that first had its spec for a number, so numbers grow and may have gaps.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson

from hub.functions.routing import without_routing
from hub.kernel.errors import NotFound
from hub.kernel.resource import Resource

_REASON_LETTERS = 500


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of one revision beside its spec."""

    number: int
    digest: str
    """Of its spec."""
    at: str
    """When it was deployed."""
    ready: bool | None = None
    """Whether it has answered calls; None while that is not known."""
    reason: str = ""
    """Why it did not, on one line."""
    commit: str = ""
    """Of a Git source: what its reference meant."""


@dataclass(frozen=True, slots=True)
class News:
    """How it turned out with a revision."""

    number: int
    ready: bool
    reason: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """All revisions of a Function that are kept, oldest first."""

    uid: str = ""
    """Of the Function; one that is made anew under the same name has a history of its own."""
    revisions: tuple[Known, ...] = ()

    @property
    def newest(self) -> Known | None:
        """Return the newest revision."""
        return self.revisions[-1] if self.revisions else None

    def find(self, number: int) -> Known | None:
        """Return a revision by its number."""
        return next((each for each in self.revisions if each.number == number), None)

    def with_news(self, news: News) -> "History":
        """Return the history when a revision turned out to answer or not; what has answered once stays so."""
        found = self.find(news.number)
        if found is None or (found.ready and not news.ready):
            return self
        reason = " ".join(news.reason.split())[:_REASON_LETTERS]
        told = replace(found, ready=news.ready, reason=reason, commit=news.commit or found.commit)
        return replace(self, revisions=tuple(told if each is found else each for each in self.revisions))


def with_spec(history: History, function: Resource, now: str, most: int, routed: frozenset[int]) -> History:
    """Return the history with the spec that a Function has now as its newest revision.

    Args:
        history: so far.
        function: as it is stored.
        now: the time.
        most: how many revisions are kept.
        routed: numbers that get calls and stay in any case.
    """
    if history.uid != function.uid:
        history = History(function.uid)
    digest = digest_of(function.spec)
    newest = history.newest
    if newest is not None and (newest.digest == digest or newest.number > function.generation):
        return history  # the second: who asks has not heard of the newest yet
    revisions = (*history.revisions, Known(function.generation, digest, now))
    surplus = len(revisions) - most
    left = []
    for each in revisions:
        if surplus > 0 and each.number not in routed and each is not revisions[-1]:
            surplus -= 1
            continue
        left.append(each)
    return History(function.uid, tuple(left))


def number_of(history: History, function: Resource) -> int:
    """Return which revision the spec of a Function is, once it is remembered."""
    return max((each.number for each in history.revisions if each.number <= function.generation), default=1)


def digest_of(spec: Mapping[str, Any]) -> str:
    """Return what tells two revisions apart."""
    plain = orjson.dumps(without_routing(spec), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(plain).hexdigest()[:32]


def target_of(history: History, to: int | None) -> Known:
    """Return the revision to go back to: the one asked for, or the newest before the present one that has answered.

    Raises:
        NotFound: there is none.
    """
    if to is not None:
        found = history.find(to)
        if found is None:
            kept = ", ".join(str(each.number) for each in history.revisions) or "none"
            raise NotFound(f"Revision {to} is not kept; there are: {kept}.")
        return found
    earlier = last_good(history)
    if earlier is None:
        raise NotFound("No earlier revision that answered is kept; say which one with --to, or deploy a new one.")
    return earlier


def last_good(history: History) -> Known | None:
    """Return the newest revision before the present one that has answered."""
    return next((each for each in reversed(history.revisions[:-1]) if each.ready), None)


def spec_again(spec: Mapping[str, Any], known: Known) -> dict[str, Any]:
    """Return the spec of a revision to be deployed again: of a Git source the very commit that it was."""
    again = without_routing(spec)
    repository = again["source"].get("gitRepository")
    if repository is not None and known.commit:
        again["source"] = {"gitRepository": {**repository, "reference": known.commit}}
    return again


def encoded(history: History) -> dict[str, Any]:
    """Return a history as it is stored."""
    return {"uid": history.uid, "revisions": [asdict(each) for each in history.revisions]}


def decoded(stored: Mapping[str, Any]) -> History:
    """Return a stored history."""
    return History(stored["uid"], tuple(Known(**each) for each in stored["revisions"]))
