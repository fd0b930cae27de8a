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
from dataclasses import dataclass

import structlog

from contracts import subjects
from contracts.envelope import Contract
from contracts.function.v1 import FunctionDeployed, FunctionRemoved
from hub.functions.conditions import State, failed_state, running_state
from hub.functions.environment import references, sealed_values
from hub.functions.metering import Meter
from hub.functions.runtime import deployment
from hub.functions.runtime.deployment import Site
from hub.functions.runtime.worker import Worker
from hub.functions.store import FunctionStore
from hub.kernel.backoff import Backoff
from hub.kernel.errors import HubError, NotFound, UpstreamUnavailable
from hub.kernel.resource import Resource

log = structlog.get_logger()

Announce = Callable[[Contract], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision of a Function that answers."""

    function: Resource
    digest: str
    worker: Worker
    meter: Meter
    hidden: tuple[str, ...]
    """Values of Secrets among the environment, to be blotted out of texts."""


class Fleet:
    """Runs every Function, and finds the one that is called."""

    def __init__(self, store: FunctionStore, site: Site, announce: Announce) -> None:
        """Prepare; `start` begins to follow the resources."""
        self._store = store
        self._site = site
        self._announce = announce
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
            f"Function '{name}' in scope '{scope}' is not running; see `hub get function {name} --scope {scope}`."
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

    def _changed(self, key: str, function: Resource | None) -> None:
        if function is not None:
            self._keys_by_subject[subjects.call(function.scope, function.name)] = key
        self._hint(key)

    def _value_changed(self, key: str, _resource: Resource | None) -> None:
        scope, _ = subjects.split_key(key)
        for function_key, function in self._store.functions.items():
            if function.scope == scope and references(function.spec.get("env") or []):
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
            wait = self._backoff.wait(failures, random.random()) if again else None  # noqa: S311 - jitter
            if failures > self._site.settings.deploy_attempts:
                wait = None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(hint.wait(), wait)
                failures = 0
        del self._keepers[key], self._hints[key]

    async def _reconcile(self, key: str) -> bool:
        """Make what runs agree with the resource; returns whether to try again without being told."""
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
            state = failed_state(error, deployment.note_of(function), answering)
            await self._tell(function, state)
            return error.retry or bool(error.fields.get("passing"))
        except Exception:
            log.exception("bug.caught", function=deployment.label_of(function))
            return True
        return False

    async def _deploy(self, key: str, function: Resource) -> None:
        deployment.check(function)
        environment = deployment.environment_of(function, self._site, self._store.look_up(function.scope))
        digest = deployment.digest_of(function, environment)
        current = self._revisions.get(key)
        if current is not None and current.digest == digest:
            return
        began = time.monotonic()
        request = await deployment.prepare(function, self._site, environment)
        worker = Worker(request, self._site.settings, lambda error: self._reported(function, error))
        try:
            await worker.start()
        except HubError:
            await worker.stop(0)
            raise
        hidden = sealed_values(environment, function.spec.get("env") or [])
        self._revisions[key] = Revision(function, digest, worker, Meter(request.label), hidden)
        if current is not None:
            self._spawn(self._retire(current, function))
        seconds = round(time.monotonic() - began, 3)
        log.info("function.deployed", function=request.label, generation=function.generation, seconds=seconds)
        if await self._tell(function, running_state(deployment.note_of(function), function.generation)):
            await self._announce(_deployed(function, seconds))

    async def _retire(self, revision: Revision, successor: Resource) -> None:
        await revision.worker.stop(self._site.settings.grace_seconds)
        await asyncio.to_thread(deployment.forget_others, self._site, successor)

    async def _remove(self, key: str) -> None:
        revision = self._revisions.pop(key, None)
        self._keys_by_subject = {subject: known for subject, known in self._keys_by_subject.items() if known != key}
        scope, name = subjects.split_key(key)
        if revision is not None:
            await revision.worker.stop(self._site.settings.grace_seconds)
        await asyncio.to_thread(deployment.forget, self._site, scope, name)
        log.info("function.removed", function=f"{scope}.{name}")
        with contextlib.suppress(HubError):
            await self._announce(FunctionRemoved(scope=scope, function=name))

    def _reported(self, function: Resource, error: HubError | None) -> None:
        """Tell the status what a worker reports: that it cannot keep a process up, or that it can again."""
        note = deployment.note_of(function)
        state = running_state(note, function.generation) if error is None else failed_state(error, note, None)
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
        for keeper in self._keepers.values():
            keeper.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        await asyncio.gather(*(revision.worker.stop(grace_seconds) for revision in self._revisions.values()))
        await asyncio.gather(*self._background, return_exceptions=True)


def _deployed(function: Resource, seconds: float) -> FunctionDeployed:
    return FunctionDeployed(
        scope=function.scope,
        function=function.name,
        runtime=function.spec["runtime"],
        generation=function.generation,
        revision=function.revision,
        seconds=seconds,
    )
