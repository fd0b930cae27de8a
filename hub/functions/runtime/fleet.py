"""All Functions of this process: finds the one that is called, and has each kept as its resource says. Does I/O.

Which Functions there are is followed here; how one comes to run is `rollout`, when it is looked at again `keepers`.
"""

import asyncio
from typing import Any

import structlog

from contracts import subjects
from hub.functions.environment import refers
from hub.functions.runtime import groups
from hub.functions.runtime.deployment import Site
from hub.functions.runtime.keepers import Keepers
from hub.functions.runtime.revision import Revision
from hub.functions.runtime.rollout import Announce, Rollout
from hub.functions.store import FunctionStore
from hub.kernel.clock import Clock
from hub.kernel.ending import end
from hub.kernel.errors import NotFound, UpstreamUnavailable
from hub.kernel.resource import Resource

log = structlog.get_logger()

_KEY_SECONDS = 2.0


class Fleet:
    """Runs every Function, and finds the one that is called."""

    def __init__(self, store: FunctionStore, site: Site, clock: Clock, announce: Announce) -> None:
        """Prepare; `start` begins to follow the resources."""
        self._store = store
        self._site = site
        self._rollout = Rollout(store, site, clock, announce)
        self.meters = self._rollout.meters
        self.lineups = self._rollout.lineups
        self.running = self._rollout.running
        self._newest = self._rollout.newest
        self._keepers = Keepers(store, site.settings, self._reconcile)
        self._keys_by_subject: dict[str, str] = {}

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
                log.info("function.tokens_renewed", functions=len(self._newest))
                for function_key in [*self._newest]:
                    self._keepers.hint(function_key)

    def find(self, key: str) -> Revision:
        """Return the revision of a Function that answers.

        Raises:
            NotFound: there is no such Function.
            UpstreamUnavailable: there is one, and it is not running.
        """
        lineups = self.lineups.found
        shared = lineups[key].choose() if lineups and key in lineups else None
        revision = shared or self._newest.get(key)
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
        return {key: self._summary(key) for key in {*self._newest, *self.lineups.found}}

    def _summary(self, key: str) -> dict[str, Any]:
        running = self.running(key)
        total = {
            "instances": sum(each.worker.instances for each in running),
            "inHand": sum(each.worker.busy for each in running),
        }
        return total | self.meters.total(".".join(subjects.split_key(key))).summary()

    def _changed(self, key: str, function: Resource | None) -> None:
        if function is not None:
            self._keys_by_subject[_subject_of(key)] = key
        self._keepers.hint(key)

    async def _reconcile(self, key: str) -> bool:
        again = await self._rollout.reconcile(key)
        if not self.knows(key):
            self._keys_by_subject.pop(_subject_of(key), None)
        return again

    def _value_changed(self, key: str, _resource: Resource | None) -> None:
        scope, _ = subjects.split_key(key)
        for function_key, function in self._store.functions.items():
            if function.scope == scope and refers(function.spec):
                self._keepers.hint(function_key)

    async def stop(self, grace_seconds: float) -> None:
        """Finish the calls in hand within the grace time, then end all processes."""
        await asyncio.gather(end(self._watching), self._keepers.stop())
        await self._rollout.stop(grace_seconds)


def _subject_of(key: str) -> str:
    return subjects.call(*subjects.split_key(key))
