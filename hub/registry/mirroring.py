"""Takes whole Applications from Compass: spec, Secrets and documents in one request, all of it stored or nothing.

Only Applications that are managed by Compass are changed; what operators added to them (labels, annotations, members of
the spec that Compass does not know) stays.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import orjson
from pydantic import Field

from contracts.application.managing import is_managed
from contracts.application.v1 import ApplicationChanged, ApplicationRegistered
from contracts.envelope import Contract
from hub.kernel.clock import rfc3339
from hub.kernel.desk import Answer
from hub.kernel.errors import AlreadyExists, InvalidInput, NotFound
from hub.kernel.resource import Resource, need_map
from hub.registry import membership, naming
from hub.registry.condition import DEPLOYED, FAILURE
from hub.registry.kinds import APPLICATION, admit_application
from hub.registry.shape import Shape, need_shape
from hub.registry.store import Store, Undoing

Announce = Callable[[Contract, str], Awaitable[None]]
_GIVEN_ONCE = ("skipVerify",)
"""Members of the spec that Compass gives a new Application; later they are the operator's."""


class _Secret(Shape):
    """A Secret of an Application."""

    values: dict[str, str] = Field(description="Name → value.")
    labels: dict[str, str] = Field(description="Whose it is: `app` and `bundleId`.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An Application as Compass wants it."""

    resource: Resource
    secrets: Mapping[str, Mapping[str, Any]] = field(repr=False)
    documents: Mapping[str, Mapping[str, bytes]] = field(repr=False)
    """`<bundle>/<definition>` → kind → document."""

    def specs(self) -> dict[str, Any]:
        """Return what the status says about the documents."""
        return {place: {"specs": membership.described(of)} for place, of in self.documents.items()}


@dataclass(frozen=True, slots=True)
class Mirroring:
    """Stores what Compass wants."""

    store: Store
    announce: Announce

    async def asked(self, request: dict[str, Any]) -> Answer:
        """Store an Application: `{"document", "secrets", "documents"}`; with `staged` instead of the last two.

        `staged` names an object that holds `{"document", "documents"}`, where they are too large for a message.
        Answers `{"outcome": "created" | "updated", "resource"}`.

        Raises:
            AlreadyExists: an Application of this name is not managed by Compass.
            InvalidField: the document, or the name of a Secret, is not acceptable.
        """
        wanted = await self._wanted(request)
        name = wanted.resource.name
        old = await self._found(name)
        async with Undoing() as undoing:
            write = partial(self._write, undoing, wanted, known=old is not None)
            if old is None:
                await write()
                stored = await self._create(wanted)
            else:
                stored = await self.store.change(name, lambda found: merged(found, wanted), write)
        if old is not None:
            await self._remove_unused(old, stored)
        await self._announced(stored, is_new=old is None)
        return {"outcome": "created" if old is None else "updated", "resource": stored.to_document()}

    async def _wanted(self, request: dict[str, Any]) -> Wanted:
        if staged := request.get("staged"):
            request = request | orjson.loads(await self.store.objects.get(str(staged)) or b"{}")
        document = Resource.from_document(request.get("document"), scoped=False)
        if not is_managed(document.labels):
            raise InvalidInput(f"Application {document.name} does not say that Compass manages it.")
        secrets = {
            name: need_shape(secret, _Secret, f"secrets.{name}")
            for name, secret in need_map(request.get("secrets") or {}, "secrets").items()
        }
        return Wanted(admit_application(document, None), secrets, _decoded(request.get("documents") or {}))

    async def _found(self, name: str) -> Resource | None:
        try:
            found = await self.store.application(name)
        except NotFound:
            return None
        _need_managed(found)
        return found

    async def _write(self, undoing: Undoing, wanted: Wanted, *, known: bool) -> None:
        name = wanted.resource.name
        secrets = [
            self.store.write_secret(secret_name, secret["values"], secret["labels"])
            for secret_name, secret in wanted.secrets.items()
        ]
        assets = [
            self.store.write_asset(naming.asset_name(name, place, kind), document, known=known)
            for place, documents in wanted.documents.items()
            for kind, document in documents.items()
        ]
        await undoing.all([*secrets, *assets])

    async def _create(self, wanted: Wanted) -> Resource:
        clock = self.store.clock
        made = replace(
            wanted.resource,
            api_version=APPLICATION.api_versions[0],
            uid=clock.new_id(),
            created=rfc3339(clock.now()),
            generation=1,
            status={"installationStatus": DEPLOYED, "services": wanted.specs()},
        )
        return replace(made, revision=await self.store.applications.put(made.key, made, revision=0))

    async def _remove_unused(self, old: Resource, new: Resource) -> None:
        kept = set(_secret_names(new))
        await self.store.delete_secrets([each for each in _secret_names(old) if each not in kept], new.name)
        before, after = _documents_of(old), _documents_of(new)
        for place, kind in before - after:
            await self.store.delete_assets(new.name, place, [kind])

    async def _announced(self, application: Resource, *, is_new: bool) -> None:
        services = [service["id"] for service in membership.services_of(application)]
        event = ApplicationRegistered if is_new else ApplicationChanged
        told = event(
            application=application.name,
            services=len(services),
            changed_services=tuple(services),
            generation=application.generation,
            revision=application.revision,
        )
        await self.announce(told, application.name)


def merged(found: Resource, wanted: Wanted) -> Resource:
    """Return a stored Application with what Compass says of it; what Compass does not know stays.

    Raises:
        AlreadyExists: it is not Compass's (any more).
    """
    _need_managed(found)
    given = {name: value for name, value in wanted.resource.spec.items() if name not in _GIVEN_ONCE}
    status = {name: value for name, value in found.status.items() if name != FAILURE}
    return replace(
        found,
        labels=found.labels | wanted.resource.labels,
        spec=found.spec | given,
        status=status | {"installationStatus": DEPLOYED, "services": wanted.specs()},
    )


def _need_managed(found: Resource) -> None:
    if not is_managed(found.labels):
        raise AlreadyExists(
            f"Application {found.name} exists and Compass does not manage it; it stays as it is. Delete it, or rename "
            "the one at the Director.",
            application=found.name,
        )


def _secret_names(application: Resource) -> list[str]:
    return [name for service in membership.services_of(application) for name in membership.secret_names(service)]


def _documents_of(application: Resource) -> set[tuple[str, str]]:
    services: Mapping[str, Any] = application.status.get("services") or {}
    return {(place, kind) for place, service in services.items() for kind in service.get("specs") or {}}


def _decoded(documents: Any) -> dict[str, dict[str, bytes]]:
    try:
        return {
            place: {kind: base64.b64decode(text, validate=True) for kind, text in of.items()}
            for place, of in need_map(documents, "documents").items()
        }
    except (binascii.Error, AttributeError, TypeError, ValueError) as error:
        raise InvalidInput("documents must be a map of maps of base64.") from error
