"""A revision of a Function that runs, and how it is brought up. Does I/O (asyncio, files, child processes)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from hub.functions.conditions import State, running_state
from hub.functions.environment import sealed_values
from hub.functions.metering import Meter, Meters
from hub.functions.runtime import deployment
from hub.functions.runtime.deployment import Plan, Shelf, Site
from hub.functions.runtime.install import Progress
from hub.functions.runtime.pool import Pool
from hub.functions.runtime.worker import Worker
from hub.kernel.errors import HubError
from hub.kernel.resource import Resource
from hub.kernel.workload import VARIABLE


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision of a Function that answers."""

    function: Resource
    """The Function as this revision; its generation is the revision's number."""
    digest: str
    worker: Worker
    meter: Meter
    hidden: tuple[str, ...]
    """Values of Secrets among the environment, to be blotted out of texts."""
    plan: Plan
    meters: Meters | None = None

    @property
    def number(self) -> int:
        """Return the revision's number."""
        return self.function.generation

    @property
    def counted(self) -> Meter:
        """Return what all revisions of the Function counted."""
        return self.meters.total(self.meter.label) if self.meters is not None else self.meter

    @property
    def state(self) -> State:
        """Return how it stands with the Function while this revision answers."""
        note = "; ".join(part for part in (self.plan.note, self.stale) if part)
        return running_state(note, self.number, self.worker.instances, self.plan.repository)

    @property
    def stale(self) -> str:
        """Return why its source may not be the newest."""
        return self.plan.tree.stale if self.plan.tree is not None else ""


class Builder:
    """Brings revisions up."""

    def __init__(self, site: Site, shelf: Callable[[str], Shelf]) -> None:
        """Take where they live, and what finds the values of a scope."""
        self.site = site
        self.meters = Meters()
        self.pool = Pool(site.settings.warm)
        self._shelf = shelf

    async def bring(self, form: Resource, current: Revision | None, way: "Way") -> Revision:
        """Return a revision that answers calls; the current one where nothing about it has changed.

        Args:
            form: the Function as the revision.
            current: the one that runs, if any.
            way: how.

        Raises:
            HubError: it cannot be run; the field `reason` becomes the reason of a condition.
        """
        site = way.site or self.site
        deployment.check(form)
        plan = await deployment.plan(form, site, self._shelf(form.scope))
        digest = plan.digest
        if current is not None and current.digest == digest:
            return replace(current, plan=plan)
        request = await deployment.prepare(plan, site, way.progress)
        if way.single:
            request = replace(request, concurrency=1, least=0, most=1)
        hidden = sealed_values(plan.environment, form.spec.get("env") or []) + plan.mounted_texts
        hidden += tuple(filter(None, (request.environment.get(VARIABLE),)))
        worker = Worker(request, site.settings, lambda error: way.report(revision, error), self.pool)
        meter = self.meters.open(request.label, of_node=bool(request.node)) if way.counted else Meter(request.label)
        revision = Revision(form, digest, worker, meter, hidden, plan, self.meters)
        if request.least or way.eager:
            try:
                await worker.start()
            except HubError:
                await self.end(revision, 0)
                raise
        return revision

    async def end(self, revision: Revision, grace_seconds: float) -> None:
        """End a revision's processes, its calls in hand within the grace time; what it counted is kept."""
        await revision.worker.stop(grace_seconds)
        self.meters.close(revision.meter)


class Report(Protocol):
    """Told when a revision cannot keep a process up, and (None) when it can again."""

    def __call__(self, revision: Revision, error: HubError | None) -> None:
        """Take it."""
        ...


@dataclass(frozen=True, slots=True)
class Way:
    """How a revision is brought up."""

    report: Report
    progress: Progress
    eager: bool = True
    """Whether its handler is loaded at once; else at the first call, if it wants no process at rest."""
    site: Site | None = None
    """Where, other than usual."""
    single: bool = False
    """Whether one process takes one call at a time."""
    counted: bool = True
    """Whether its calls are among those of the Function."""
