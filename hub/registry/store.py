"""What the registry keeps: Applications, Secrets, documents - written so that a failure leaves nothing behind.

A registration touches several places. Each write returns how to take it back; the Application itself is written last,
with its revision, and what failed before that is taken back in reverse.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType

import structlog

from hub.kernel.clock import Clock, rfc3339
from hub.kernel.errors import AlreadyExists, HubError, NotFound, RevisionConflict
from hub.kernel.keys import Keys
from hub.kernel.objects import Objects
from hub.kernel.resource import CLUSTER, Resource, need_name, resource_key
from hub.kernel.state import Bucket
from hub.registry import naming, sealing
from hub.registry.kinds import need_size

log = structlog.get_logger()
Undo = Callable[[], Awaitable[None]]
_ATTEMPTS = 50
ASSET_KINDS = ("openapi", "odata", "asyncapi", "docs")


class Undoing:
    """Takes back what was done inside, in reverse, when the inside fails."""

    def __init__(self) -> None:
        """Begin with nothing done."""
        self._done: list[Undo] = []

    @property
    def begun(self) -> bool:
        """Tell whether anything was done."""
        return bool(self._done)

    async def all(self, writes: Iterable[Awaitable[Undo]]) -> None:
        """Carry out independent writes at once, and remember how to take back each that was done.

        Raises:
            HubError: the first of those that failed; the others have ended too.
        """
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        self._done += [undo for undo in outcomes if not isinstance(undo, BaseException)]
        for failure in outcomes:
            if isinstance(failure, BaseException):
                raise failure

    async def __aenter__(self) -> "Undoing":
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Take everything back when there was an error."""
        for undo in reversed(self._done) if kind is not None else ():
            try:
                await undo()
            except HubError as error:
                log.warning("registration.leftover_kept", error=error.detail)


@dataclass(frozen=True, slots=True)
class Store:
    """The registry's buckets and documents."""

    applications: Bucket[Resource]
    secrets: Bucket[Resource]
    objects: Objects
    keys: Keys
    clock: Clock
    scope: str
    """Scope of the Secrets of registered APIs."""

    async def application(self, name: str) -> Resource:
        """Return an Application.

        Raises:
            NotFound: there is none of this name.
        """
        entry = await self.applications.get(resource_key(CLUSTER, name))
        if entry is None:
            raise NotFound(f"Application {name} not found", application=name)
        return entry.value

    async def change(
        self, name: str, change: Callable[[Resource], Resource], first: Callable[[], Awaitable[None]] | None = None
    ) -> Resource:
        """Change an Application; when somebody else was faster, change theirs.

        Args:
            name: of the Application.
            change: pure; is asked again for each version of it.
            first: what must be written before each attempt. Of two who write the same things, the one whose attempt
                fails writes its own again, so that in the end Application and things are of the same writer.

        Raises:
            NotFound: there is no such Application.
            RevisionConflict: others were faster every time.
        """
        for _ in range(_ATTEMPTS):
            old = await self.application(name)
            new = change(old)
            if first is None and (new.spec, new.status) == (old.spec, old.status):
                return old
            if first is not None:
                await first()
            need_size(new.spec, "spec")
            new = replace(new, generation=old.generation + (1 if new.spec != old.spec else 0))
            try:
                return replace(new, revision=await self.applications.put(new.key, new, revision=old.revision))
            except RevisionConflict:
                continue
        raise RevisionConflict(f"Application {name} is changed by many at once; try again.", application=name)

    async def secret(self, name: str) -> dict[str, str]:
        """Return the values of a Secret as text; empty when there is none."""
        entry = await self.secrets.get(resource_key(self.scope, name))
        return sealing.texts(self.keys, entry.value) if entry else {}

    async def write_secret(
        self, name: str, values: Mapping[str, str], labels: Mapping[str, str], *, known: bool = True
    ) -> Undo:
        """Store values sealed under a name; returns how to take it back. With `known` there may be one already.

        Raises:
            InvalidField: the name, made of the Service's id, is none.
            AlreadyExists: a Secret of this name is not this Application's: an operator's own, or that of an
                Application whose name begins with the same letters.
        """
        blank = Resource("v1", "Secret", need_name(name, "the Secret's name"), self.scope, {}, labels=dict(labels))
        old = await self.secrets.get(blank.key) if known else None
        if old is not None and old.value.labels.get("app") != labels["app"]:
            raise AlreadyExists(f"Secret {name} already exists and is not of Application {labels['app']}", secret=name)
        made = old.value if old else replace(blank, uid=self.clock.new_id(), created=rfc3339(self.clock.now()))
        sealed = replace(sealing.seal(self.keys, blank, sealing.encoded(values)), uid=made.uid, created=made.created)
        sealed = replace(sealed, generation=made.generation + 1)
        written = await self.secrets.put(blank.key, sealed, revision=None if known else 0)

        async def undo() -> None:
            with contextlib.suppress(RevisionConflict):  # somebody has written theirs meanwhile, which stays
                if old is None:
                    await self.secrets.delete(blank.key, revision=written)
                else:
                    await self.secrets.put(blank.key, sealing.sealed_anew(self.keys, old.value), revision=written)

        return undo

    async def delete_secrets(self, names: Iterable[str], application: str) -> None:
        """Remove Secrets that were made for an Application; others stay."""
        for name in names:
            entry = await self.secrets.get(resource_key(self.scope, name))
            if entry is not None and entry.value.labels.get("app") == application:
                await self.secrets.delete(entry.key)

    async def write_asset(self, name: str, document: bytes, *, known: bool = True) -> Undo:
        """Store a document under its name; returns how to take it back. With `known` there may be one already."""
        old = await self.objects.get(name) if known else None
        if old != document:
            await self.objects.put(name, document, new=not known)

        async def undo() -> None:
            if old == document or await self.objects.get(name) != document:
                return  # nothing was written, or somebody has written theirs meanwhile
            if old is None:
                await self.objects.delete(name)
            else:
                await self.objects.put(name, old)

        return undo

    async def assets(self, application: str, service_id: str, kinds: Iterable[str]) -> dict[str, bytes]:
        """Return the documents of a Service."""
        wanted = list(kinds)
        found = await asyncio.gather(
            *(self.objects.get(naming.asset_name(application, service_id, kind)) for kind in wanted)
        )
        return {kind: document for kind, document in zip(wanted, found, strict=True) if document is not None}

    async def delete_assets(self, application: str, service_id: str, kinds: Iterable[str] = ASSET_KINDS) -> None:
        """Remove documents of a Service; by default all."""
        for kind in kinds:
            await self.objects.delete(naming.asset_name(application, service_id, kind))

    async def delete_leftovers(self, application: str, service_ids: Iterable[str]) -> None:
        """Remove everything that was stored for Services that are gone."""
        for service_id in service_ids:
            names = [
                naming.resource_name(application, service_id),
                naming.parameters_name(application, service_id),
            ]
            await self.delete_secrets(names, application)
            await self.delete_assets(application, service_id)
