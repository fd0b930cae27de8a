"""All Functions of this process, kept as their resources say. Does I/O (asyncio).

Level-triggered: whatever changed, the resource as it is now is compared with what runs; a missed or repeated hint does
no harm. Each Function has a keeper task, so a slow installation delays nobody else. The revision that runs goes on
answering until the next one is loaded.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog

from contracts import subjects
from contracts.envelope import Contract
from contracts.function.v1 import FunctionDeployed, FunctionRemoved
from hub.functions.conditions import State, failed_state, is_ready, running_state, underway_state
from hub.functions.environment import refers, sealed_values
from hub.functions.metering import Meter, Meters
from hub.functions.model import Launch
from hub.functions.runtime import deployment, groups
from hub.functions.runtime.cloning import is_commit
from hub.functions.runtime.deployment import Plan, Site
from hub.functions.runtime.worker import Worker
from hub.functions.store import FunctionStore
from hub.kernel.backoff import Backoff
from hub.kernel.errors import HubError, NotFound, UpstreamUnavailable
from hub.kernel.resource import Resource
from hub.kernel.workload import VARIABLE

log = structlog.get_logger()

Announce = Callable[[Contract], Awaitable[None]]

_PROGRESS_SECONDS = 1.0
_PROGRESS_LETTERS = 300


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision of a Function that answers."""

    function: Resource
    digest: str
    worker: Worker
    meter: Meter
    hidden: tuple[str, ...]
    """Values of Secrets among the environment, to be blotted out of texts."""
    plan: Plan

    @property
    def state(self) -> State:
        """Return how it stands with the Function while this revision answers."""
        note = "; ".join(part for part in (self.plan.note, self.stale) if part)
        return running_state(note, self.function.generation, self.worker.instances, self.plan.repository)

    @property
    def stale(self) -> str:
        """Return why its source may not be the newest."""
        return self.plan.tree.stale if self.plan.tree is not None else ""


class Fleet:
    """Runs every Function, and finds the one that is called."""

    def __init__(self, store: FunctionStore, site: Site, announce: Announce) -> None:
        """Prepare; `start` begins to follow the resources."""
        self._store = store
        self._site = site
        self._announce = announce
        self.meters = Meters()
        self._revisions: dict[str, Revision] = {}
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

    def find(self, key: str) -> Revision:
        """Return the revision of a Function that answers.

        Raises:
            NotFound: there is no such Function.
            UpstreamUnavailable: there is one, and it is not running.
        """
        revision = self._revisions.get(key)
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
        return {
            key: {"instances": found.worker.instances, "inHand": found.worker.busy} | found.meter.summary()
            for key, found in self._revisions.items()
        }

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
        function = self._store.functions.get(key)
        if function is None:
            await self._remove(key)
            return False
        try:
            await self._deploy(key, function)
        except HubError as error:
            reason = error.fields.get("reason")
            log.warning("function.undeployable", function=deployment.label_of(function), reason=reason)
            current = self._revisions.get(key)
            answering = current.function.generation if current else None
            await self._tell(function, failed_state(error, "", answering))
            return error.retry or bool(error.fields.get("passing"))
        except Exception:
            log.exception("bug.caught", function=deployment.label_of(function))
            return True
        return False

    async def _deploy(self, key: str, function: Resource) -> None:
        began = time.monotonic()
        deployment.check(function)
        plan = await deployment.plan(function, self._site, self._store.shelf(function.scope))
        digest, current = plan.digest, self._revisions.get(key)
        if current is not None and current.digest == digest:
            if plan.tree is not None:
                await self._tell(function, replace(current, function=function, plan=plan).state)
            return
        request = await deployment.prepare(plan, self._site, Progress(lambda text: self._progress(function, text)))
        revision = self._revision(function, plan, digest, request)
        if request.least or not is_ready(function) or current is not None:
            try:
                await revision.worker.start()
            except HubError:
                await revision.worker.stop(0)
                raise
        self._revisions[key] = revision
        if current is not None:
            self._spawn(self._retire(current, revision))
        seconds = round(time.monotonic() - began, 3)
        log.info("function.deployed", function=request.label, generation=function.generation, seconds=seconds)
        if await self._tell(function, revision.state):
            await self._announce(_deployed(function, seconds))

    def _revision(self, function: Resource, plan: Plan, digest: str, request: Launch) -> Revision:
        hidden = sealed_values(plan.environment, function.spec.get("env") or []) + plan.mounted_texts
        hidden += tuple(filter(None, (request.environment.get(VARIABLE),)))
        worker = Worker(request, self._site.settings, lambda error: self._reported(revision, error))
        revision = Revision(function, digest, worker, self.meters.of(request.label), hidden, plan)
        return revision

    def _progress(self, function: Resource, text: str) -> None:
        if not is_ready(function):
            self._spawn(self._tell(function, underway_state("", f"Installing dependencies: {text}")))

    async def _retire(self, revision: Revision, successor: Revision) -> None:
        await revision.worker.stop(self._site.settings.grace_seconds)
        kept = successor.worker.launch.source
        await asyncio.to_thread(deployment.forget_others, self._site, successor.function, kept)

    async def _remove(self, key: str) -> None:
        revision = self._revisions.pop(key, None)
        self._keys_by_subject = {subject: known for subject, known in self._keys_by_subject.items() if known != key}
        scope, name = subjects.split_key(key)
        if revision is not None:
            await revision.worker.stop(self._site.settings.grace_seconds)
        await asyncio.to_thread(deployment.forget, self._site, scope, name)
        self.meters.forget(f"{scope}.{name}")
        log.info("function.removed", function=f"{scope}.{name}")
        with contextlib.suppress(HubError):
            await self._announce(FunctionRemoved(scope=scope, function=name))

    def _reported(self, revision: Revision, error: HubError | None) -> None:
        """Tell the status what a worker reports: that it cannot keep a process up, or that it can again."""
        state = revision.state if error is None else failed_state(error, revision.plan.note, None)
        self._spawn(self._tell(revision.function, state))

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
        for keeper in self._keepers.values():
            keeper.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        await asyncio.gather(*(revision.worker.stop(grace_seconds) for revision in self._revisions.values()))
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
