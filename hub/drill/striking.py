"""Strikes the faults of the schedule at a running hub, and mends what lasts."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from hub.demo.asking import Asking
from hub.demo.manifests import SCOPE
from hub.drill.events import BALLAST, FILLER, HOARD
from hub.drill.proxy import FaultProxy
from hub.drill.receiver import Mood, Receivers
from hub.drill.schedule import ALL_WORKERS, EVERYTHING, FUNCTION, STORE, WORKERS, Fault
from hub.drill.solution import Solution
from hub.drill.stage import Premises
from hub.drill.worker import write_offset
from hub.kernel.errors import HubError, NotFound, UpstreamUnavailable
from hub.up.client import RunningHub

READY_LIMIT_SECONDS = 60.0
FILL_LIMIT_SECONDS = 30.0
_POLL_SECONDS = 0.02
_MOODS: dict[str, Mood] = {"fail": "fail", "hang": "hang", "lie": "lie"}


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that faults can strike."""

    premises: Premises
    hub: RunningHub
    asking: Asking
    receivers: Receivers
    proxies: dict[str, FaultProxy]
    posters: dict[str, Solution]


@asynccontextmanager
async def striking(scene: Scene, fault: Fault) -> AsyncIterator[None]:
    """Strike a fault; it lasts as long as the block.

    Raises:
        HubError: it cannot be struck: what it is to hit is not there.
    """
    way = _WAYS[fault.kind]
    async with way(scene, fault.target):
        yield


@asynccontextmanager
async def _kill(scene: Scene, target: str) -> AsyncIterator[None]:
    await kill(scene, target)
    yield


async def kill(scene: Scene, target: str) -> None:
    """Kill a process, or several at once, by a signal that nothing can catch.

    Raises:
        UpstreamUnavailable: it did not come back from the kill before this one.
    """
    if target == FUNCTION:
        await _kill_function(scene)
        return
    await _await_ready(scene)
    everything = (STORE, *WORKERS)
    for name in {ALL_WORKERS: WORKERS, EVERYTHING: everything}.get(target, (target,)):
        with suppress(ProcessLookupError, NotFound):  # the worker may have ended by the store's death meanwhile
            scene.hub.kill(name)


async def _kill_function(scene: Scene) -> None:
    before = scene.receivers.killed
    scene.receivers.kill_next_caller()
    await _until(lambda: scene.receivers.killed > before, "the Function got no event to be killed with")


async def _await_ready(scene: Scene) -> None:
    """Wait until every process is ready: to kill what is being started would only repeat the fault before."""
    await _until(lambda: scene.hub.state()["state"] == "ready", "not every process is ready")
    await _until(
        lambda: all(each["state"] == "ready" for each in scene.hub.processes().values()), "not every process is ready"
    )


@asynccontextmanager
async def _pause(scene: Scene, target: str) -> AsyncIterator[None]:
    await _await_ready(scene)
    pid = scene.hub.kill(target, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def _fill(scene: Scene, _target: str) -> AsyncIterator[None]:
    """Let nobody read the ballast, and post it until the event store takes no more."""
    named = {"name": HOARD, "scope": SCOPE, "by": "hub drill"}
    await scene.asking.ask("subscriptions", "pause", named)
    try:
        limit = time.monotonic() + FILL_LIMIT_SECONDS
        while await scene.posters[FILLER].post_once(BALLAST) != "507":
            if time.monotonic() > limit:
                raise UpstreamUnavailable(f"the event store is not full after {FILL_LIMIT_SECONDS:.0f} s")
        yield
    finally:
        await scene.asking.ask("subscriptions", "resume", named)


@asynccontextmanager
async def _sink(scene: Scene, target: str) -> AsyncIterator[None]:
    subscription, _, mood = target.partition(":")
    scene.receivers.feel(subscription, _MOODS[mood])
    try:
        yield
    finally:
        scene.receivers.feel(subscription, "well")


@asynccontextmanager
async def _cut(scene: Scene, target: str) -> AsyncIterator[None]:
    line, _, how = target.partition(":")
    proxy = scene.proxies[line]
    ways: dict[str, Callable[[], object]] = {
        "reset": proxy.reset, "midway": proxy.cut_midway, "stall": proxy.stall,
    }  # fmt: skip
    ways[how]()
    try:
        if how == "midway":
            await asyncio.sleep(0.5)  # until somebody has spoken
        yield
    finally:
        proxy.mend()


@asynccontextmanager
async def _clock(scene: Scene, target: str) -> AsyncIterator[None]:
    write_offset(scene.premises.clock, float(target))
    try:
        yield
    finally:
        write_offset(scene.premises.clock, 0.0)


async def _until(fact: Callable[[], bool], complaint: str) -> None:
    limit = time.monotonic() + READY_LIMIT_SECONDS
    while True:
        with suppress(HubError):
            if fact():
                return
        if time.monotonic() > limit:
            raise UpstreamUnavailable(f"{complaint} after {READY_LIMIT_SECONDS:.0f} s")
        await asyncio.sleep(_POLL_SECONDS)


_WAYS = {
    "kill": _kill, "store": _kill, "pause": _pause, "fill": _fill, "sink": _sink, "cut": _cut, "clock": _clock,
}  # fmt: skip
