"""Makes the Applications here those of the Director. Not pure: it reads the Director and has the registry store.

What is equal already is not written. One application that cannot be taken over is said and leaves the others alone;
a Director that does not answer completely, or a registry that is away, ends the synchronization before anything goes.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.application.managing import is_managed
from hub.compass import conversion, difference, naming
from hub.compass.asking import Registry
from hub.compass.condition import Outcome
from hub.compass.difference import Naming
from hub.compass.fetching import Director
from hub.compass.model import DirectorApplication, Failure, Listing, Mirror, Unreadable
from hub.compass.settings import CompassSettings
from hub.compass.store import Secrets
from hub.kernel.errors import BrokerUnavailable, HubError
from hub.kernel.resource import CLUSTER, Resource, resource_key
from hub.kernel.state import View

_AT_ONCE = 8
"""Applications that the registry stores side by side."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An application of the Director, and what has to be done for it."""

    mirror: Mirror
    changes: tuple[str, ...]
    is_new: bool


@dataclass(frozen=True, slots=True)
class Synchronizer:
    """One synchronization after the other."""

    settings: CompassSettings
    registry: Registry
    applications: View[Resource]
    secrets: Secrets
    addresses: Mapping[str, str]
    """Labels of the Runtime that say where the hub is."""

    async def run(self, director: Director, *, accepted: bool = False, dry_run: bool = False) -> Outcome:
        """Read everything and take it over; with `dry_run` only say what would be done.

        Args:
            director: as this Runtime reads it.
            accepted: whether any number of Applications may be removed.
            dry_run: store nothing.

        Raises:
            BrokerUnavailable: the registry does not answer; what it has stored until then stays.
            HubError: the Director does not answer, or not completely; nothing was removed.
        """
        listing = await director.listing()
        named = difference.named(listing.names, listing.labels)
        outcome = Outcome(total=len(listing.names), failures=list(named.failures), labels=listing.labels)
        read: dict[str, str] = {}
        async for page in director.applications():
            read |= {each.id: each.name for each in page}
            await self._take(page, named, outcome, dry_run=dry_run)
        await self._remove(listing, read, outcome, accepted=accepted, dry_run=dry_run)
        return outcome

    async def label(self, director: Director, labels: Mapping[str, object]) -> None:
        """Tell the Director where the hub is, as far as it does not know.

        Raises:
            HubError: it refuses or does not answer.
        """
        for key, value in self.addresses.items():
            if labels.get(key) != value:
                await director.set_label(key, value)

    async def _take(
        self, page: Sequence[DirectorApplication | Unreadable], named: Naming, outcome: Outcome, *, dry_run: bool
    ) -> None:
        readable = [each for each in page if isinstance(each, DirectorApplication) and each.id in named.names]
        unreadable = [each for each in page if isinstance(each, Unreadable) and each.id in named.names]
        outcome.failures += [Failure(named.names[each.id], each.id, "read", each.error) for each in unreadable]
        judged = await asyncio.to_thread(self._judge, readable, named.names)
        turns = asyncio.Semaphore(_AT_ONCE)

        async def take(each: Judged) -> None:
            async with turns:
                await self._store(each, outcome, dry_run=dry_run)

        ended = await asyncio.gather(*(take(each) for each in judged), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    def _judge(self, page: Sequence[DirectorApplication], names: Mapping[str, str]) -> list[Judged]:
        stored = self.secrets.of_applications()
        return [self._judge_one(each, names[each.id], stored.get(names[each.id], [])) for each in page]

    def _judge_one(self, application: DirectorApplication, name: str, stored: list[Resource]) -> Judged:
        limit = self.settings.specification_limit_bytes
        mirror = conversion.convert(application, name, gateway_url=self.settings.gateway_url, limit_bytes=limit)
        found = self.applications.get(resource_key(CLUSTER, name))
        if found is None or not is_managed(found.labels):  # somebody's own of this name: the registry refuses
            return Judged(mirror, ("application",), True)
        return Judged(mirror, difference.changes(found, mirror, self.secrets.opened(stored)), False)

    async def _store(self, judged: Judged, outcome: Outcome, *, dry_run: bool) -> None:
        mirror = judged.mirror
        if mirror.problems:
            outcome.problems[mirror.name] = mirror.problems
        if not judged.changes:
            outcome.unchanged += 1
            return
        try:
            if not dry_run:
                await self.registry.mirror(mirror)
        except BrokerUnavailable:
            raise
        except HubError as error:
            outcome.failures.append(Failure(mirror.name, mirror.id, _verb(judged), error.detail))
            return
        (outcome.created if judged.is_new else outcome.updated).append(mirror.name)
        outcome.changes[mirror.name] = judged.changes

    async def _remove(
        self, listing: Listing, read: Mapping[str, str], outcome: Outcome, *, accepted: bool, dry_run: bool
    ) -> None:
        is_normalised = difference.is_normalised(listing.labels)
        told = {*listing.names.values(), *read.values()}
        kept = {naming.application_name(name, is_normalised=is_normalised) for name in told}
        present = {found.name: found for _, found in self.applications.items()}
        share = self.settings.removal_share
        outcome.removals = difference.removals(present, kept, share=share, accepted=accepted)
        for name in outcome.removals.remove:
            try:
                if not dry_run:
                    await self.registry.delete(name)
            except BrokerUnavailable:
                raise
            except HubError as error:
                outcome.failures.append(Failure(name, difference.director_id(present[name]), "delete", error.detail))
            else:
                outcome.removed.append(name)


def _verb(judged: Judged) -> str:
    return "create" if judged.is_new else "update"
