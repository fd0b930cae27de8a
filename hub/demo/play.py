"""The demo from the first manifest to the replayed dead letter; what it returns was observed, not assumed."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
from nats.errors import Error as NatsError
from nats.js.errors import APIError

from contracts import subjects
from hub.commands.session import Session
from hub.demo import audit, manifests
from hub.demo.audit import Entry, Posted
from hub.demo.events import APPLICATION, OTHER_APPLICATION, POISONED
from hub.demo.faults import POSTS, Faults
from hub.demo.sink import Sink
from hub.demo.solution import NOT_PAIRED
from hub.demo.stage import Stage
from hub.kernel.errors import HubError, UpstreamRefused, UpstreamUnavailable
from hub.kernel.resource import Resource

T = TypeVar("T")

READY_LIMIT_SECONDS = 60.0
SETTLE_LIMIT_SECONDS = 60.0
ASK_SECONDS = 2.0
_POLL_SECONDS = 0.1
_READY = ("Ready", "Subscription active")


@dataclass
class Play:
    """What has been seen so far."""

    sink: Sink
    faults: Faults
    posted: list[Posted] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    replayed: set[str] = field(default_factory=set)
    step: str = "starting"

    def entries(self) -> list[Entry]:
        """Return the account as it stands."""
        return audit.account(self.posted, self.sink.received.copy(), self.dead)

    def tally(self, event_type: str = "") -> dict[str, int]:
        """Return the counters that the terminal shows, of one event type or of all."""
        posted = [each for each in self.posted if each.form != audit.PROBE and event_type in ("", each.type)]
        mine = {each.id for each in posted}
        return {
            "posted": len(posted),
            "refused": sum(each.status >= 300 for each in posted),
            "delivered": len(mine.intersection(self.sink.received.copy())),
            "failed attempts": sum(self.sink.refused[each] for each in mine),
            "dead letters": len(mine & self.dead),
            "replayed": len(mine & self.replayed),
        }

    def complaints(self) -> list[str]:
        """Return what did not hold."""
        return audit.complaints(self.entries(), self.sink.refused, self.replayed)


Show = Callable[[Play], None]


@dataclass(frozen=True)
class Company:
    """Everything that the play is performed with."""

    stage: Stage
    session: Session

    async def ask(self, plural: str, verb: str, request: dict[str, Any]) -> dict[str, Any]:
        """Ask a worker, again while it is away: what the demo asks for may be asked twice.

        Raises:
            HubError: it refused, or is away for too long.
        """
        return await _persist(lambda: self.session.ask(plural, verb, request, timeout_seconds=ASK_SECONDS))

    async def resources(self, plural: str) -> list[Resource]:
        """Return all resources of a kind; asks as `ask` does."""
        return await _persist(lambda: self.session.resources(plural))


async def perform(play: Play, company: Company, show: Show) -> None:
    """Play the demo; `show` is called whenever something may have changed.

    Raises:
        HubError: a part of it cannot be played at all.
    """
    watching = [asyncio.create_task(_show_often(play, show)), asyncio.create_task(_read_dead(play, company.session))]
    try:
        play.step = "applying manifests"
        await _apply(play, company)
        play.step = "the solution posts"
        await _solve(play, company)
        play.step = "deliveries under way"
        await play.faults.strike("last post")
        await _until(lambda: not audit.unaccounted(play.entries()), SETTLE_LIMIT_SECONDS)
        play.step = "replaying the dead letter"
        await _replay(play, company)
        play.step = "done"
    finally:
        for task in watching:
            task.cancel()
        show(play)


async def _persist(action: Callable[[], Awaitable[T]]) -> T:
    limit = time.monotonic() + READY_LIMIT_SECONDS
    while True:
        try:
            return await action()
        except HubError as error:
            if not error.retry or time.monotonic() > limit:
                raise
        await asyncio.sleep(_POLL_SECONDS)


async def _show_often(play: Play, show: Show) -> None:
    while True:
        show(play)
        await asyncio.sleep(_POLL_SECONDS)


async def _until(fact: Callable[[], bool], limit_seconds: float) -> bool:
    """Wait for a fact; return whether it came true in time. The audit says what is missing."""
    limit = time.monotonic() + limit_seconds
    while not fact():
        if time.monotonic() > limit:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True


async def _apply(play: Play, company: Company) -> None:
    for name in (APPLICATION, OTHER_APPLICATION):
        await company.ask("applications", "apply", {"document": manifests.application(name)})
        if name == APPLICATION:
            await play.faults.strike("first manifest")
    await company.ask("functions", "apply", {"document": manifests.function(f"{play.sink.url}/function")})
    for document in manifests.subscriptions(f"{play.sink.url}/events"):
        await company.ask("subscriptions", "apply", {"document": document})
    for plural, number in (("functions", 1), ("subscriptions", 2)):
        await _await_ready(company, plural, number)


async def _await_ready(company: Company, plural: str, number: int) -> None:
    limit = time.monotonic() + READY_LIMIT_SECONDS
    while True:
        found = await company.resources(plural)
        if sum(_is_ready(each.status) for each in found) == number:
            return
        if time.monotonic() > limit:
            said = [{each.name: each.status.get("conditions", each.status)} for each in found]
            raise UpstreamUnavailable(f"The {plural} are not ready after {READY_LIMIT_SECONDS:.0f} s: {said}.")
        await asyncio.sleep(_POLL_SECONDS)


def _is_ready(status: dict[str, Any]) -> bool:
    conditions = status.get("conditions") or []
    active = any(each.get("type") in _READY and str(each.get("status")) == "True" for each in conditions)
    return status.get("ready") is True or active


async def _solve(play: Play, company: Company) -> None:
    """Run the solution and note what it was answered; one whose pairing was cut off gets another token."""
    limit = time.monotonic() + READY_LIMIT_SECONDS
    while True:
        offered = await company.ask("tokens", "create", {"application": APPLICATION})
        status, said = await _run_solution(play, company, str(offered["url"]))
        if status == 0:
            return
        if status != NOT_PAIRED or time.monotonic() > limit:
            raise UpstreamRefused(f"The connected solution gave up: {said}")


async def _run_solution(play: Play, company: Company, url: str) -> tuple[int, str]:
    """Run the solution; return its exit status and what it complained of."""
    stage = company.stage
    command = (sys.executable, "-P", "-m", "hub.demo.solution", url, str(stage.authority), str(stage.shop))
    solution = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    if solution.stdout is None or solution.stderr is None:
        raise UpstreamUnavailable("The solution's output cannot be read.")
    complaint = asyncio.create_task(solution.stderr.read())
    try:
        async for line in solution.stdout:
            await _note(play, company, json.loads(line))
        return await solution.wait(), (await complaint).decode(errors="replace").strip()
    finally:
        if solution.returncode is None:
            solution.kill()
            await solution.wait()


async def _note(play: Play, company: Company, line: dict[str, Any]) -> None:
    """Take in one line of the solution: where it stands, or what it was answered."""
    if "step" in line:
        await play.faults.strike("solution started")
        return
    play.posted.append(Posted(**line))
    if len(play.posted) in POSTS:
        await play.faults.strike(POSTS[len(play.posted)])


async def _read_dead(play: Play, session: Session) -> None:
    """Follow the dead letters by their position in the stream, which no restart of anything can lose."""
    position = 1
    while True:
        try:
            letter = await session.js.get_msg(subjects.DEAD, seq=position, next=True, subject="dead.>")
        except (NatsError, APIError, TimeoutError, OSError):  # none there yet, or the event store is away
            await asyncio.sleep(_POLL_SECONDS)
            continue
        play.dead.add(identifier_of(letter.headers or {}, letter.data or b"{}"))
        position = (letter.seq or position) + 1


def identifier_of(headers: dict[str, str], body: bytes) -> str:
    """Return the id of the event in a dead letter."""
    if "ce-id" in headers:
        return headers["ce-id"]
    document = orjson.loads(body)
    return str(document.get("id", ""))


async def _replay(play: Play, company: Company) -> None:
    """Heal the sink and ask for the dead letter once more."""
    if POISONED not in play.dead:
        return
    play.sink.heal()
    await play.faults.strike("replay")
    await company.ask("dead", "replay", {"scope": manifests.SCOPE, "name": manifests.TO_SINK})
    await _until(lambda: POISONED in play.sink.received, SETTLE_LIMIT_SECONDS)
    play.replayed |= {POISONED} & set(play.sink.received)
