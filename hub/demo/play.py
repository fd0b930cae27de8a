"""The demo from the first manifest to the replayed dead letter; what it returns was observed, not assumed."""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from nats.js.api import DeliverPolicy

from hub.commands.session import Session
from hub.demo import audit, manifests
from hub.demo.audit import Entry, Posted
from hub.demo.events import APPLICATION, OTHER_APPLICATION, POISONED
from hub.demo.sink import Sink
from hub.demo.stage import Stage
from hub.kernel.errors import UpstreamRefused, UpstreamUnavailable

READY_LIMIT_SECONDS = 60.0
SETTLE_LIMIT_SECONDS = 60.0
_POLL_SECONDS = 0.1
_READY = ("Ready", "Subscription active")


@dataclass
class Play:
    """What has been seen so far."""

    sink: Sink
    posted: list[Posted] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    replayed: set[str] = field(default_factory=set)
    step: str = "starting"

    def entries(self) -> list[Entry]:
        """Return the account as it stands."""
        return audit.account(self.posted, self.sink.received.copy(), self.dead)

    def tally(self) -> dict[str, int]:
        """Return the counters that the terminal shows."""
        accepted = sum(each.status < 300 for each in self.posted)
        return {
            "posted": len(self.posted),
            "accepted": accepted,
            "refused": len(self.posted) - accepted,
            "delivered": len(self.sink.received),
            "failed attempts": self.sink.refused.total(),
            "dead letters": len(self.dead),
            "replayed": len(self.replayed),
        }

    def complaints(self) -> list[str]:
        """Return what did not hold."""
        return audit.complaints(self.entries(), self.sink.refused, self.replayed)


Show = Callable[[Play], None]


async def perform(play: Play, stage: Stage, session: Session, show: Show) -> None:
    """Play the demo; `show` is called whenever something may have changed.

    Raises:
        HubError: a part of it cannot be played at all.
    """
    watching = asyncio.create_task(_show_often(play, show))
    try:
        play.step = "applying manifests"
        await _apply(session, play.sink.url)
        letters = await session.js.subscribe("dead.>", ordered_consumer=True, deliver_policy=DeliverPolicy.ALL)
        play.step = "the solution posts"
        await _solve(play, stage, session)
        play.step = "deliveries under way"
        reading = asyncio.create_task(_read_dead(play, letters))
        await _until(lambda: not audit.unaccounted(play.entries()), SETTLE_LIMIT_SECONDS)
        reading.cancel()
        play.step = "replaying the dead letter"
        await _replay(play, session)
        play.step = "done"
    finally:
        watching.cancel()
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


async def _apply(session: Session, sink_url: str) -> None:
    for name in (APPLICATION, OTHER_APPLICATION):
        await session.ask("applications", "apply", {"document": manifests.application(name)})
    await session.ask("functions", "apply", {"document": manifests.function(f"{sink_url}/function")})
    for document in manifests.subscriptions(f"{sink_url}/events"):
        await session.ask("subscriptions", "apply", {"document": document})
    for plural, number in (("functions", 1), ("subscriptions", 2)):
        await _await_ready(session, plural, number)


async def _await_ready(session: Session, plural: str, number: int) -> None:
    limit = time.monotonic() + READY_LIMIT_SECONDS
    while True:
        found = await session.resources(plural)
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


async def _solve(play: Play, stage: Stage, session: Session) -> None:
    """Run the solution and note what it was answered."""
    offered = await session.ask("tokens", "create", {"application": APPLICATION})
    command = (sys.executable, "-P", "-m", "hub.demo.solution", str(offered["url"]), str(stage.authority))
    solution = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    if solution.stdout is None or solution.stderr is None:
        raise UpstreamUnavailable("The solution's output cannot be read.")
    complaint = asyncio.create_task(solution.stderr.read())
    async for line in solution.stdout:
        play.posted.append(Posted(**json.loads(line)))
    if await solution.wait() != 0:
        raise UpstreamRefused(f"The connected solution gave up: {(await complaint).decode(errors='replace').strip()}")


async def _read_dead(play: Play, letters: Any) -> None:
    async for message in letters.messages:
        play.dead.add(identifier_of(message.headers or {}, message.data))


def identifier_of(headers: dict[str, str], body: bytes) -> str:
    """Return the id of the event in a dead letter."""
    if "ce-id" in headers:
        return headers["ce-id"]
    document = orjson.loads(body)
    return str(document.get("id", ""))


async def _replay(play: Play, session: Session) -> None:
    """Heal the sink and ask for the dead letter once more."""
    if POISONED not in play.dead:
        return
    play.sink.heal()
    request = {"scope": manifests.SCOPE, "name": manifests.TO_SINK}
    await session.ask("dead", "replay", request)
    await _until(lambda: POISONED in play.sink.received, SETTLE_LIMIT_SECONDS)
    play.replayed |= {POISONED} & set(play.sink.received)
