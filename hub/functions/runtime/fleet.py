"""All Functions of this process, kept as their resources say. Does I/O (asyncio).

Level-triggered: whatever changed, the resource as it is now is compared with what runs; a missed or repeated hint does
no harm. Each Function has a keeper task, so a slow installation delays nobody else. The revision that runs goes on
answering until the next one is loaded.
"""

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import structlog

from contracts import subjects
from contracts.envelope import Contract
from contracts.function.v1 import FunctionDeployed, FunctionRemoved
from hub.functions.conditions import State, failed_state, is_ready, underway_state
from hub.functions.environment import refers
from hub.functions.history import History, News, last_good, number_of
from hub.functions.routing import without_routing
from hub.functions.runtime import deployment, groups
from hub.functions.runtime.cloning import is_commit
from hub.functions.runtime.deployment import Site
from hub.functions.runtime.lineups import Lineups
from hub.functions.runtime.revision import Builder, Revision, Way
from hub.functions.store import FunctionStore
from hub.kernel.backoff import Backoff
from hub.kernel.clock import Clock
from hub.kernel.ending import end
from hub.kernel.errors import HubError, NotFound, UpstreamUnavailable
from hub.kernel.resource import Resource

log = structlog.get_logger()

Announce = Callable[[Contract], Awaitable[None]]

_PROGRESS_SECONDS = 1.0
_KEY_SECONDS = 2.0
_PROGRESS_LETTERS = 300


class Fleet:
    """Runs every Function, and finds the one that is called."""

    def __init__(self, store: FunctionStore, site: Site, clock: Clock, announce: Announce) -> None:
        """Prepare; `start` begins to follow the resources."""
        self._store = store
        self._site = site
        self._announce = announce
        self._builder = Builder(site, store.shelf)
        self.meters = self._builder.meters
        self.lineups = Lineups(self._builder, store, clock, self._retire)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Held while what runs of a Function is changed."""
        self._revisions: dict[str, Revision] = {}
        """The newest of each Function that answers."""
        self._notes: dict[str, tuple[str, ...]] = {}
        self._keys_by_subject: dict[str, str] = {}
        self._hints: dict[str, asyncio.Event] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._background: set[asyncio.Task[object]] = set()
        settings = site.settings
        self._backoff = Backoff(
            initial_seconds=settings.retry_initial_seconds, max_seconds=settings.retry_max_seconds, jitter=0.2
        )

    def start(self) -> None:
        """Deploy what there is and follow what changes."""
        if self._site.settings.control_groups:
            groups.sweep()
        self._store.functions.on_change(self._changed)
        self._store.secrets.on_change(self._value_changed)
        self._store.config_maps.on_change(self._value_changed)
        self._watching = asyncio.create_task(self._watch_key(), name="function-tokens")

    async def _watch_key(self) -> None:
        """Have all Functions started anew, with new tokens, when the master key has been exchanged: the old ones are
        nobody's as soon as the old key is dropped."""
        key = self._site.key_of_tokens()
        while True:
            await asyncio.sleep(_KEY_SECONDS)
            before, key = key, self._site.key_of_tokens()
            if key != before:
                log.info("function.tokens_renewed", functions=len(self._revisions))
                for function_key in [*self._revisions]:
                    self._hint(function_key)

    def find(self, key: str) -> Revision:
        """Return the revision of a Function that answers.

        Raises:
            NotFound: there is no such Function.
            UpstreamUnavailable: there is one, and it is not running.
        """
        lineups = self.lineups.found
        shared = lineups[key].choose() if lineups and key in lineups else None
        revision = shared or self._revisions.get(key)
        if revision is not None:
            return revision
        scope, name = subjects.split_key(key)
        if self._store.functions.get(key) is None:
            raise NotFound(f"There is no Function '{name}' in scope '{scope}'.")
        raise UpstreamUnavailable(
            f"Function '{name}' in scope '{scope}' is not running; see `hub get function {name} --scope {scope}`.",
            retry_after_seconds=1,
        )

    def find_by_subject(self, subject: str) -> Revision:
        """Return the revision that a request on the bus calls; raises as `find` does."""
        key = self._keys_by_subject.get(subject)
        if key is None:
            raise NotFound(f"There is no Function behind {subject}.")
        return self.find(key)

    def knows(self, key: str) -> bool:
        """Say whether there is such a Function, running or not."""
        return self._store.functions.get(key) is not None

    def summaries(self) -> dict[str, dict[str, Any]]:
        """Return of each Function that runs: processes, calls in hand, calls and failures so far, milliseconds."""
        return {key: self._summary(key) for key in {*self._revisions, *self.lineups.found}}

    def _summary(self, key: str) -> dict[str, Any]:
        running = self.running(key)
        total = {
            "instances": sum(each.worker.instances for each in running),
            "inHand": sum(each.worker.busy for each in running),
        }
        return total | self.meters.total(".".join(subjects.split_key(key))).summary()

    def running(self, key: str) -> list[Revision]:
        """Return the revisions of a Function that answer, the newest first; not its shadow."""
        lineup, newest = self.lineups.found.get(key), self._revisions.get(key)
        return [*filter(None, (newest,)), *(lineup.others.values() if lineup is not None else ())]

    def _changed(self, key: str, function: Resource | None) -> None:
        if function is not None:
            self._keys_by_subject[subjects.call(function.scope, function.name)] = key
        self._hint(key)

    def _value_changed(self, key: str, _resource: Resource | None) -> None:
        scope, _ = subjects.split_key(key)
        for function_key, function in self._store.functions.items():
            if function.scope == scope and refers(function.spec):
                self._hint(function_key)

    def _hint(self, key: str) -> None:
        self._hints.setdefault(key, asyncio.Event()).set()
        if key not in self._keepers:
            self._keepers[key] = asyncio.create_task(self._keep(key), name=f"function-{key}")

    async def _keep(self, key: str) -> None:
        failures = 0
        hint = self._hints[key]
        while True:
            hint.clear()
            again = await self._reconcile(key)
            if self._store.functions.get(key) is None and not hint.is_set():
                break
            failures = failures + 1 if again else 0
            try:
                await asyncio.wait_for(hint.wait(), self._pause(key, failures))
                failures = 0
            except TimeoutError:
                continue
        del self._keepers[key], self._hints[key]

    def _pause(self, key: str, failures: int) -> float | None:
        """Return the seconds until a Function is looked at again without being told; None for never."""
        if 0 < failures <= self._site.settings.deploy_attempts:
            return self._backoff.wait(failures, random.random())  # noqa: S311 - jitter
        function = self._store.functions.get(key)
        repository = function.spec["source"].get("gitRepository") if function is not None else None
        moves = repository is not None and not is_commit(repository["reference"])
        return self._site.settings.git_poll_seconds if moves else None

    async def _reconcile(self, key: str) -> bool:
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
        current, before = self._revisions.get(key), self._notes.get(key, ())
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
        current = self._revisions.get(key)
        progress = Progress(lambda text: self._progress(function, text))
        idle = current is not None and current.number == form.generation and not current.worker.instances
        eager = not is_ready(function) or (current is not None and not idle)
        way = Way(self._reported, progress, eager=eager)
        revision = self._revisions[key] = await self._builder.bring(form, current, way)
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
        if function.key in self._revisions or good is None:
            return
        with contextlib.suppress(HubError):  # the newest's own problem is the one to be told
            revision = await self.lineups.brought(function, good.number, None, eager=True)
            self._revisions[function.key] = revision

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
        revision = self._revisions.pop(key, None)
        self._keys_by_subject = {subject: known for subject, known in self._keys_by_subject.items() if known != key}
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
        function, current = self._store.functions.get(key), self._revisions.get(key)
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
        await asyncio.gather(*map(end, (self._watching, *self._keepers.values())))
        ends = [revision.worker.stop(grace_seconds) for revision in self._revisions.values()]
        await asyncio.gather(*ends, self.lineups.stop(grace_seconds))
        await asyncio.gather(*self._background, return_exceptions=True)


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
