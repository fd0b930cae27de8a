"""Which revisions of a Function run beside the newest: those with a share of its calls, and its shadow. Does I/O.

Only Functions whose spec asks for it have a line-up; all others are found without a look at this.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import structlog

from hub.functions.comparison import Comparison, result_of
from hub.functions.history import History
from hub.functions.model import Answer, Invocation
from hub.functions.routing import Route, route_of
from hub.functions.runtime.recorder import Recorder
from hub.functions.runtime.revision import Builder, Revision, Way
from hub.functions.runtime.shadow import Shadow
from hub.functions.store import FunctionStore
from hub.kernel.clock import Clock, rfc3339
from hub.kernel.errors import HubError, NotFound
from hub.kernel.resource import Resource
from hub.kernel.workload import SHADOW

log = structlog.get_logger()
Retire = Callable[[Revision], None]


@dataclass(slots=True)
class Lineup:
    """The revisions of one Function beside its newest."""

    route: Route
    others: dict[int, Revision] = field(default_factory=dict)
    shadow: Shadow | None = None
    problems: tuple[str, ...] = ()
    """What of the route cannot be had, and why."""
    table: tuple[tuple[float, Revision], ...] = ()
    """Upper ends of the shares, from 0 up to 1, and who answers there."""

    def choose(self) -> Revision | None:
        """Return the revision that answers the next call; None when none of them runs."""
        chance = random.random()  # noqa: S311 - spreads calls
        return next((revision for end, revision in self.table if chance < end), None)

    def use(self, newest: Revision | None) -> None:
        """Share the calls out; the newest gets those of whoever does not run."""
        total, table = 0, []
        for number, percent in self.route.shares:
            revision = self.others.get(number, newest)
            if revision is not None:
                total += percent
                table.append((total, revision))
        self.table = tuple((end / total, revision) for end, revision in table)


class Lineups:
    """The line-ups of all Functions that have one."""

    def __init__(self, builder: Builder, store: FunctionStore, clock: Clock, retire: Retire) -> None:
        """Prepare; `retire` takes revisions that answer no more."""
        self._builder = builder
        self._store = store
        self._clock = clock
        self._retire = retire
        self._recorder = Recorder()
        self.found: dict[str, Lineup] = {}
        self.shadows: dict[str, Shadow] = {}

    def succeed(self, function: Resource, number: int, old: Revision | None, new: Revision) -> None:
        """Take note that a Function has a new newest revision; the one before goes on if it has a share."""
        route = route_of(function.spec, number)
        kept = old is not None and old.number != new.number and old.number in dict(route.shares)
        if old is not None and kept:
            self.found.setdefault(function.key, Lineup(route)).others[old.number] = old
        lineup = self.found.get(function.key)
        if lineup is not None:
            lineup.route = route
            lineup.use(new)
        if old is not None and not kept:
            self._retire(old)

    def sources(self, key: str) -> Iterator[str]:
        """Return the directories in use."""
        lineup = self.found.get(key)
        if lineup is not None:
            yield from (each.worker.launch.source for each in lineup.others.values())
            if lineup.shadow is not None:
                yield lineup.shadow.revision.worker.launch.source

    async def follow(
        self, function: Resource, newest: Revision | None, number: int, history: History
    ) -> tuple[str, ...]:
        """Have run what a Function's route asks for.

        Args:
            function: as it is stored.
            newest: the newest revision that answers; it may be older than the newest there is.
            number: of the newest there is.
            history: its revisions; one that has answered before is started by its first call.

        Returns:
            What of it cannot be had, in sentences.
        """
        key, route = function.key, route_of(function.spec, number)
        if key not in self.found and route.shares == ((number, 100),) and route.shadow is None:
            return ()
        lineup = self.found.setdefault(key, Lineup(route))
        lineup.route = route
        problems, left = [], []
        wanted = [each for each, _ in route.shares if each not in (number, newest.number if newest else number)]
        for each in wanted:
            try:
                before = lineup.others.get(each)
                known = history.find(each)
                eager = known is None or not known.ready
                lineup.others[each] = brought = await self.brought(function, each, before, eager=eager)
                left += [before] if before is not None and before.worker is not brought.worker else []
            except HubError as error:
                problems.append(f"revision {each} cannot run, the newest gets its share: {error.detail}")
        left += [lineup.others.pop(each) for each in set(lineup.others) - set(wanted)]
        lineup.use(newest)
        for revision in left:
            self._retire(revision)
        problems += await self._watch(function, lineup)
        lineup.problems = tuple(problems)
        if not lineup.others and lineup.shadow is None and not problems:
            del self.found[key]
        return lineup.problems

    async def brought(
        self, function: Resource, number: int, current: Revision | None, *, eager: bool
    ) -> Revision:
        """Return a kept revision of a Function, running; raises when it is not kept or cannot run."""
        form = await self._form(function, number)
        return await self._builder.bring(form, current, Way(_noted, lambda _: None, eager=eager))

    async def _form(self, function: Resource, number: int) -> Resource:
        spec = await self._store.spec_of(function.key, number)
        if spec is None:
            raise NotFound(f"Revision {number} is not kept.")
        return replace(function, spec=spec, generation=number)

    async def _watch(self, function: Resource, lineup: Lineup) -> list[str]:
        """Have the shadow run that is asked for; returns why it does not."""
        number, current = lineup.route.shadow, lineup.shadow
        if current is not None and current.revision.number != number:
            await self._unwatch(function.key, lineup)
            current = None
        if number is None or current is not None:
            return []
        ticket = await self._recorder.begin()
        site = self._builder.site
        redirections = self._recorder.redirections(ticket, site.publisher_url, site.gateway_url)
        own = replace(site, redirections=redirections, token_for=_shadow_tokens(site.token_for))
        try:
            form = await self._form(function, number)
            way = Way(_noted, lambda _: None, site=own, single=True, counted=False)
            revision = await self._builder.bring(form, None, way)
        except HubError as error:
            self._recorder.end(ticket)
            return [f"revision {number} cannot run as the shadow: {error.detail}"]
        comparison = Comparison(number, rfc3339(self._clock.now()))
        self.shadows[function.key] = lineup.shadow = Shadow(revision, self._recorder, ticket, comparison)
        return []

    async def _unwatch(self, key: str, lineup: Lineup) -> None:
        self.shadows.pop(key, None)
        if lineup.shadow is not None:
            await lineup.shadow.end()
            lineup.shadow = None

    def shade(self, revision: Revision, invocation: Invocation, answer: Answer | HubError, seconds: float) -> None:
        """Let the shadow of a Function, if it has one, have an event that a revision answered."""
        shadow = self.shadows.get(revision.function.key)
        if shadow is not None:
            shadow.take(invocation, revision.number, result_of(answer, seconds, revision.hidden))

    async def end(self, key: str, grace_seconds: float) -> None:
        """End all that runs of a Function."""
        lineup = self.found.pop(key, None)
        if lineup is not None:
            await self._unwatch(key, lineup)
            for revision in lineup.others.values():
                await self._builder.end(revision, grace_seconds)

    async def stop(self, grace_seconds: float) -> None:
        """End everything."""
        for key in list(self.found):
            await self.end(key, grace_seconds)
        await self._recorder.close()


def _noted(revision: Revision, error: HubError | None) -> None:
    log.warning(
        "revision.unsteady", function=revision.worker.launch.label, revision=revision.number,
        error=error.detail if error else "",
    )  # fmt: skip


def _shadow_tokens(token_for: Callable[[str, str], str] | None) -> Callable[[str, str], str] | None:
    """Return what makes the tokens of shadows: should one find past its redirections, publisher and gateway know it."""
    if token_for is None:
        return None
    return lambda scope, name: token_for(scope, f"{name}{SHADOW}")
