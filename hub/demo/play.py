"""The demo from the first manifest to the replayed dead letter; what it returns was observed, not assumed."""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hub.demo import audit, letters, manifests
from hub.demo.asking import READY_LIMIT_SECONDS, Asking
from hub.demo.audit import Entry, Posted
from hub.demo.events import APPLICATION, OTHER_APPLICATION, POISONED
from hub.demo.faults import POSTS, Faults
from hub.demo.sink import Sink
from hub.demo.solution import NOT_PAIRED
from hub.demo.stage import Stage
from hub.kernel.errors import UpstreamRefused, UpstreamUnavailable

SETTLE_LIMIT_SECONDS = 60.0
_POLL_SECONDS = 0.1


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
class Company(Asking):
    """Everything that the play is performed with."""

    stage: Stage


async def perform(play: Play, company: Company, show: Show) -> None:
    """Play the demo; `show` is called whenever something may have changed.

    Raises:
        HubError: a part of it cannot be played at all.
    """
    reading = letters.follow(company.session, lambda _subject, identifier: play.dead.add(identifier))
    watching = [asyncio.create_task(_show_often(play, show)), asyncio.create_task(reading)]
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
        await company.await_ready(plural, number)


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


async def _replay(play: Play, company: Company) -> None:
    """Heal the sink and ask for the dead letter once more."""
    if POISONED not in play.dead:
        return
    play.sink.heal()
    await play.faults.strike("replay")
    await company.ask("dead", "replay", {"scope": manifests.SCOPE, "name": manifests.TO_SINK})
    await _until(lambda: POISONED in play.sink.received, SETTLE_LIMIT_SECONDS)
    play.replayed |= {POISONED} & set(play.sink.received)
