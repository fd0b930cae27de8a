"""What happens once a day: a solution comes and goes, the Function changes, dead letters are cleared.

The first half of what makes a hub grow is what comes and goes in it; a load that never changes would not show it.
"""

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.bench import manifests, requests, sources
from hub.bench.bringing import await_active
from hub.bench.journal import Journal
from hub.bench.soak import failing, visiting
from hub.commands.session import Session
from hub.kernel.errors import BrokerUnavailable, HubError, UpstreamUnavailable

SINK, FUNCTION, VISITOR = "soak-sink", "soak-function", "visitor"
"""Subscriptions and Functions of the soak; each receiver's journal bears the name of its Subscription."""
RECEIVERS = (SINK, FUNCTION, VISITOR)
DELIVERY = {
    "maxAttempts": failing.MOST_ATTEMPTS,
    "timeout": "30s",
    "backoff": {"policy": "linear", "initial": "200ms", "max": "400ms"},
}
IN_FLIGHT = 64
PAGE = 500
ARRIVAL_SECONDS = 60.0
_POLL_SECONDS = 0.05


@dataclass
class Days:
    """The days of one soak."""

    session: Session
    journals: dict[str, Journal]
    folder: Path
    """Where the visitor's files are."""
    authority: Path
    passed: int = 0
    given_up: set[int] = field(default_factory=set)
    """Numbers of the events that the Function never took."""
    replayed: int = 0
    visited: set[int] = field(default_factory=set)
    """Numbers of the visitor's events that were accepted."""
    troubles: list[str] = field(default_factory=list)
    """What could not be done, a sentence each."""

    async def begin(self, sink: str) -> None:
        """Apply what stays: the Application, the Function, its Subscription and that of the sink."""
        await self._apply("applications", manifests.application())
        await self._change_function(0)
        await self._apply("subscriptions", subscription(SINK, sink, requests.APPLICATION))
        await self._apply("subscriptions", subscription(FUNCTION, address_of(FUNCTION), requests.APPLICATION))
        await await_active(self.session, "subscriptions")

    async def live(self) -> None:
        """Let one day pass; what cannot be done in it is noted."""
        day, self.passed = self.passed, self.passed + 1
        await self._try(self._receive_visitor(day))
        await self._try(self._change_function(day + 1))
        await self._try(self._clear())

    async def clear(self) -> None:
        """Clear the dead letters once more; a full event store lets that wait."""
        with suppress(BrokerUnavailable, UpstreamUnavailable):
            await self._clear()

    async def _try(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except HubError as error:
            self.troubles.append(f"On day {self.passed}: {error.detail}")

    async def _receive_visitor(self, day: int) -> None:
        """Let a solution come, with a Function and a Subscription for it, and take everything away when it has gone."""
        source = sources.recording("python", self.journals[VISITOR])
        await self._apply("applications", manifests.application(visiting.NAME))
        await self._apply("functions", manifests.function("python", source, VISITOR))
        await await_active(self.session, "functions")
        await self._apply("subscriptions", subscription(VISITOR, address_of(VISITOR), visiting.NAME))
        await await_active(self.session, "subscriptions")
        offered = await self.session.ask("tokens", "create", {"application": visiting.NAME})
        await asyncio.to_thread(visiting.visit, str(offered["url"]), self.folder, self.authority, day, self.visited)
        await self._await_visit()
        for plural, name in (("subscriptions", VISITOR), ("functions", VISITOR), ("applications", visiting.NAME)):
            await self.session.ask(plural, "delete", {"name": name, "scope": scope_of(plural)})

    async def _await_visit(self) -> None:
        limit = time.monotonic() + ARRIVAL_SECONDS
        while self.visited - self.journals[VISITOR].arrivals().first.keys():
            if time.monotonic() > limit:
                raise UpstreamUnavailable(
                    f"Events of the soak's visitor did not arrive within {ARRIVAL_SECONDS:.0f} s."
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def _change_function(self, day: int) -> None:
        source = failing.handler(self.journals[FUNCTION], day)
        await self._apply("functions", manifests.function("python", source, FUNCTION))
        await await_active(self.session, "functions")

    async def _clear(self) -> None:
        """Deliver the sink's dead letters once more, which it takes then, and drop those of the Function."""
        self.replayed += await self._go_through("replay", SINK, "replayed")
        answer = await self._page("list", {"name": FUNCTION})
        items, last = list(answer["items"]), answer["last"]
        while "next" in answer:
            answer = await self._page("list", {"name": FUNCTION, "cursor": answer["next"], "last": last})
            items += answer["items"]
        if items:
            self.given_up |= {requests.number_of(each["id"]) for each in items}
            await self._go_through("drop", FUNCTION, "dropped", last=last)

    async def _go_through(self, verb: str, name: str, counted: str, **more: Any) -> int:
        count, request = 0, {"name": name, "all": True, **more}
        while True:
            answer = await self._page(verb, request)
            count += int(answer[counted])
            if "next" not in answer:
                return count
            request |= {"cursor": answer["next"], "last": answer["last"]}

    async def _page(self, verb: str, request: dict[str, Any]) -> dict[str, Any]:
        asked = {"scope": manifests.SCOPE, "by": "hub bench soak", "limit": PAGE, **request}
        return await self.session.ask("dead", verb, asked, timeout_seconds=60)

    async def _apply(self, plural: str, document: dict[str, Any]) -> None:
        await self.session.ask(plural, "apply", {"document": document})


def address_of(function: str) -> str:
    """Return the sink that means a Function."""
    return f"http://{function}.{manifests.SCOPE}.svc.cluster.local"


def scope_of(plural: str) -> str:
    """Return the scope of a resource of the soak: Applications have none."""
    return "" if plural == "applications" else manifests.SCOPE


def subscription(name: str, sink: str, source: str) -> dict[str, Any]:
    """Return a Subscription that gives up soon."""
    document = manifests.subscription(sink, IN_FLIGHT, name, source)
    return document | {"spec": document["spec"] | {"delivery": DELIVERY}}
