"""The door of functions: stores, installs, runs, triggers and invokes Functions."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

from faststream.nats import NatsRouter

from contracts import subjects
from contracts.envelope import Contract
from contracts.function.v1 import FunctionFailed
from hub.functions.api import routes
from hub.functions.handlers import Calls, warn
from hub.functions.kinds import FUNCTION, KINDS
from hub.functions.model import Answer, Invocation
from hub.functions.outcomes import error_of, outcome_of
from hub.functions.revisions import Revisions
from hub.functions.runtime.deployment import Site
from hub.functions.runtime.doors import doors_of
from hub.functions.runtime.fleet import Fleet
from hub.functions.runtime.revision import Revision
from hub.functions.settings import FunctionsSettings
from hub.functions.store import FunctionStore
from hub.kernel import workload
from hub.kernel.desk import Asked
from hub.kernel.errors import HubError
from hub.kernel.room import Room, RoomHouse

LOG_EVENTS = (
    "function.deployed", "function.undeployable", "function.removed", "function.failed", "function.ended",
    "function.misbehaved", "function.status_unwritten", "dependencies.requested", "reply.lost", "subscription.lost",
    "answer.broken", "revision.unsteady", "spare.not_started", "call.unreadable",
    "function.tokens_renewed",
)  # fmt: skip
_ANNOUNCEMENTS_AT_ONCE = 100


def build(settings: FunctionsSettings, house: RoomHouse) -> Room:
    """Runs Functions: a process of its own for each, called by events and over HTTP."""
    router = NatsRouter()
    desk, store = house.desk(router, FUNCTION), FunctionStore(house)
    fleet = Fleet(store, _site(settings, house), house.clock, house.publish)
    announcements: set[asyncio.Task[None]] = set()

    def failed(revision: Revision, invocation: Invocation, answer: Answer | HubError, seconds: float) -> None:
        warn(revision, invocation, answer, seconds)
        # The log has every failure; a Function that fails a thousand times a second must not flood the bus with it.
        if len(announcements) < _ANNOUNCEMENTS_AT_ONCE:
            task = asyncio.create_task(_announce(house, _failed(house, revision, invocation, answer, seconds)))
            announcements.add(task)
            task.add_done_callback(announcements.discard)

    calls = Calls(fleet, house.bus.nc, settings, failed)

    async def stats(_request: dict[str, Any]) -> dict[str, Any]:
        return {"functions": fleet.summaries()}

    revisions = Revisions(desk, store, fleet)
    asked: dict[str, Asked] = {
        "stats": stats,
        "revisions": revisions.list,
        "rollback": revisions.rollback,
        "route": revisions.route,
        "compare": revisions.compare,
    }
    for verb, answer in asked.items():
        house.answer(router, subjects.ask(FUNCTION.plural, verb), answer)

    async def start() -> None:
        fleet.meters.register()
        fleet.start()
        await calls.start()

    async def stop() -> None:
        limit = house.clock.monotonic() + house.settings.stop_seconds * 0.8
        await calls.stop(limit - house.clock.monotonic())
        await fleet.stop(limit - house.clock.monotonic())
        await asyncio.gather(*announcements, return_exceptions=True)
        fleet.meters.unregister()

    return Room(
        "functions",
        router=router,
        routes={"internal": routes(fleet, failed, workload.Workloads(house.keys))},
        doors={"internal": doors_of(fleet, failed)},
        kinds=KINDS,
        writes=(FUNCTION.plural, subjects.REVISIONS),
        start=start,
        stop=stop,
    )


def _site(settings: FunctionsSettings, house: RoomHouse) -> Site:
    internal = house.settings.internal
    host = "127.0.0.1" if internal.host in ("0.0.0.0", "::", "") else internal.host  # noqa: S104 - compared, not bound
    publisher = settings.publisher_url or f"http://{host}:{internal.port}/publish"
    token_for = partial(workload.token_for, house.keys)

    def key_of_tokens() -> str:
        house.keys.refresh()
        return house.keys.fingerprint

    return Site(house.settings.data_dir, publisher, settings.gateway_url, settings, token_for, key_of_tokens)


def _failed(
    house: RoomHouse, revision: Revision, invocation: Invocation, answer: Answer | HubError, seconds: float
) -> FunctionFailed:
    return FunctionFailed(
        scope=revision.function.scope,
        function=revision.function.name,
        run_id=house.clock.new_id(),
        event_id=invocation.headers.get("ce-id", ""),
        seconds=seconds,
        error=answer.kind if isinstance(answer, HubError) else outcome_of(answer),
        detail=error_of(answer, revision.hidden),
    )


async def _announce(house: RoomHouse, model: Contract) -> None:
    with suppress(HubError):  # the failure has been answered and logged; the announcement is a hint
        await house.publish(model)
