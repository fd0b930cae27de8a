"""Makes what runs of a Function agree with its resource, and tells its status how that went. Does I/O (asyncio).

Whatever changed, the resource as it is now is compared with what runs. The revision that runs goes on answering until
the next one is loaded; a newest one that cannot run takes nothing away from the one before.
"""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from contracts import subjects
from contracts.envelope import Contract
from contracts.function.v1 import FunctionDeployed, FunctionRemoved
from hub.functions.conditions import State, failed_state, is_ready, underway_state
from hub.functions.history import History, News, last_good, number_of
from hub.functions.routing import without_routing
from hub.functions.runtime import deployment
from hub.functions.runtime.deployment import Site
from hub.functions.runtime.lineups import Lineups
from hub.functions.runtime.revision import Builder, Revision, Way
from hub.functions.store import FunctionStore
from hub.kernel.clock import Clock
from hub.kernel.errors import HubError
from hub.kernel.resource import Resource

log = structlog.get_logger()

Announce = Callable[[Contract], Awaitable[None]]

_PROGRESS_SECONDS = 1.0
_PROGRESS_LETTERS = 300


class Rollout:
    """What runs of every Function, and how it comes to run."""

    def __init__(self, store: FunctionStore, site: Site, clock: Clock, announce: Announce) -> None:
        """Prepare; nothing runs yet."""
        self._store = store
        self._site = site
        self._announce = announce
        self._builder = Builder(site, store.shelf)
        self.meters = self._builder.meters
        self.lineups = Lineups(self._builder, store, clock, self._retire)
        self.newest: dict[str, Revision] = {}
        """The newest revision of each Function that answers."""
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Held while what runs of a Function is changed."""
        self._notes: dict[str, tuple[str, ...]] = {}
        self._background: set[asyncio.Task[object]] = set()

    def running(self, key: str) -> list[Revision]:
        """Return the revisions of a Function that answer, the newest first; not its shadow."""
        lineup, newest = self.lineups.found.get(key), self.newest.get(key)
        return [*filter(None, (newest,)), *(lineup.others.values() if lineup is not None else ())]

    async def reconcile(self, key: str) -> bool:
        """Make what runs agree with the resource; returns whether to try again soon without being told."""
        async with self._locks[key]:
            function = self._store.functions.get(key)
            if function is None:
                await self._remove(key)
                return False
            try:
                return await self._line_up(key, function)
            except HubError as error:
                log.warning("function.undeployable", function=deployment.label_of(function), error=error.detail)
                return error.retry
            except Exception:
                log.exception("bug.caught", function=deployment.label_of(function))
                return True

    async def _line_up(self, key: str, function: Resource) -> bool:
        """Bring up the newest revision and those that have a share; returns whether to try again soon."""
        history = await self._store.remember(function, self._site.settings.revisions_kept)
        number = number_of(history, function)
        form = replace(function, generation=number, spec=without_routing(function.spec))
        problem: HubError | None = None
        began, fresh = time.monotonic(), False
        try:
            fresh = await self._deploy(function, form)
        except HubError as error:
            problem = error
            await self._fall_back(function, history)
        current, before = self.newest.get(key), self._notes.get(key, ())
        notes = self._notes[key] = await self.lineups.follow(function, current, number, history)
        if problem is not None:
            return await self._told_problem(function, history, number, problem)
        if current is None:
            return bool(notes)
        commit = current.plan.repository.get("commit", "")
        await self._store.judge(key, history, News(number, ready=True, commit=commit))
        moved = function.status.get("observedGeneration") != function.generation
        if fresh or moved or notes != before or current.plan.tree is not None:
            state = current.state
            told = await self._tell(function, replace(state, note="; ".join(filter(None, (state.note, *notes)))))
            if fresh and told:
                await self._announce(_deployed(function, round(time.monotonic() - began, 3)))
        return bool(notes)

    async def _told_problem(self, function: Resource, history: History, number: int, problem: HubError) -> bool:
        reason = problem.fields.get("reason")
        log.warning("function.undeployable", function=deployment.label_of(function), reason=reason)
        running = self.running(function.key)
        answering = running[0].number if running else None
        await self._tell(function, failed_state(problem, "", answering))
        await self._store.judge(function.key, history, News(number, ready=False, reason=problem.detail))
        return problem.retry or bool(problem.fields.get("passing"))

    async def _deploy(self, function: Resource, form: Resource) -> bool:
        """Bring up the newest revision, in the place of the one that was; returns whether there is a new one."""
        began, key = time.monotonic(), function.key
        current = self.newest.get(key)
        progress = Progress(lambda text: self._progress(function, text))
        idle = current is not None and current.number == form.generation and not current.worker.instances
        eager = not is_ready(function) or (current is not None and not idle)
        way = Way(self._reported, progress, eager=eager)
        revision = self.newest[key] = await self._builder.bring(form, current, way)
        if current is not None and current.worker is revision.worker:
            return False
        self.lineups.succeed(function, form.generation, current, revision)
        seconds = round(time.monotonic() - began, 3)
        log.info(
            "function.deployed", function=deployment.label_of(function), generation=function.generation,
            seconds=seconds,
        )  # fmt: skip
        return True

    async def _fall_back(self, function: Resource, history: History) -> None:
        """Where nothing answers, because the hub was started with a newest revision that cannot run, bring up the last
        one that could."""
        good = last_good(history)
        if function.key in self.newest or good is None:
            return
        with contextlib.suppress(HubError):  # the newest's own problem is the one to be told
            revision = await self.lineups.brought(function, good.number, None, eager=True)
            self.newest[function.key] = revision

    def _progress(self, function: Resource, text: str) -> None:
        if not is_ready(function):
            self._spawn(self._tell(function, underway_state("", f"Installing dependencies: {text}")))

    def _retire(self, revision: Revision) -> None:
        """Let a revision finish its calls in hand in the background, then remove what is left of it."""
        self._spawn(self._ended(revision))

    async def _ended(self, revision: Revision) -> None:
        await self._builder.end(revision, self._site.settings.grace_seconds)
        key = revision.function.key
        async with self._locks[key]:
            in_use = {each.worker.launch.source for each in self.running(key)} | set(self.lineups.sources(key))
            if in_use:
                await asyncio.to_thread(deployment.forget_others, self._site, revision.function, frozenset(in_use))

    async def _remove(self, key: str) -> None:
        revision = self.newest.pop(key, None)
        scope, name = subjects.split_key(key)
        grace_seconds = self._site.settings.grace_seconds
        if revision is not None:
            await self._builder.end(revision, grace_seconds)
        await self.lineups.end(key, grace_seconds)
        self._notes.pop(key, None)
        await asyncio.to_thread(deployment.forget, self._site, scope, name)
        with contextlib.suppress(HubError):
            await self._store.forget_revisions(key)
        self.meters.forget(f"{scope}.{name}")
        log.info("function.removed", function=f"{scope}.{name}")
        with contextlib.suppress(HubError):
            await self._announce(FunctionRemoved(scope=scope, function=name))

    def _reported(self, revision: Revision, error: HubError | None) -> None:
        """Tell the status what a worker reports: that it cannot keep a process up, or that it can again."""
        key = revision.function.key
        function, current = self._store.functions.get(key), self.newest.get(key)
        if function is not None and current is not None and current.worker is revision.worker:
            state = revision.state if error is None else failed_state(error, revision.plan.note, None)
            self._spawn(self._tell(function, state))

    async def _tell(self, function: Resource, state: State) -> bool:
        try:
            return await self._store.put_status(function, state)
        except HubError as error:
            # The next change or restart writes it; what runs does not depend on it.
            log.warning("function.status_unwritten", function=deployment.label_of(function), error=error.kind)
            return False

    def _spawn(self, work: Awaitable[object]) -> None:
        task: asyncio.Task[object] = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def stop(self, grace_seconds: float) -> None:
        """Finish the calls in hand within the grace time, then end all processes."""
        ends = [revision.worker.stop(grace_seconds) for revision in self.newest.values()]
        await asyncio.gather(*ends, self.lineups.stop(grace_seconds))
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._builder.pool.stop()


class Progress:
    """Passes on what an installer says, once a second at most, and nothing of a short installation."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        """Start counting."""
        self._tell = tell
        self._next = time.monotonic() + _PROGRESS_SECONDS

    def __call__(self, line: str) -> None:
        """Take one line."""
        if line and time.monotonic() >= self._next:
            self._next = time.monotonic() + _PROGRESS_SECONDS
            self._tell(line[:_PROGRESS_LETTERS])


def _deployed(function: Resource, seconds: float) -> FunctionDeployed:
    return FunctionDeployed(
        scope=function.scope,
        function=function.name,
        runtime=function.spec["runtime"],
        generation=function.generation,
        revision=function.revision,
        seconds=seconds,
    )
