"""Registers, reads, replaces and removes the Services of an Application. Not pure: it fetches, stores and announces.

Either everything of a registration is there afterwards or nothing: what may fail slowly (fetching a specification,
making a key) comes first, then Secrets and documents, then the Application by its revision; what is no longer needed
is removed last.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakValueDictionary

import structlog

from contracts.application.v1 import ApplicationChanged
from contracts.envelope import Contract
from hub.kernel.clock import Clock, rfc3339
from hub.kernel.errors import HubError, UpstreamRefused, UpstreamUnavailable
from hub.kernel.resource import Resource
from hub.registry import condition, membership, merging, naming, rewriting
from hub.registry.fetching import Fetcher
from hub.registry.keypair import make_key_pair
from hub.registry.model import CertificateGen, Registration, ServiceDetails
from hub.registry.store import ASSET_KINDS, Store, Undoing

log = structlog.get_logger()
Publish = Callable[[Contract], Awaitable[None]]


@dataclass(frozen=True)
class Services:
    """The Services of all Applications."""

    store: Store
    fetcher: Fetcher
    publish: Publish
    clock: Clock
    gateway_url: str
    _turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def items(self, application: str) -> list[dict[str, Any]]:
        """Return all Services of an Application."""
        return membership.services_of(await self.store.application(application))

    async def read(self, application: str, service_id: str) -> ServiceDetails:
        """Return one Service in full, credentials masked.

        Raises:
            NotFound: no such Application or Service.
        """
        found = await self.store.application(application)
        service = membership.find(found, service_id)
        secrets = {name: await self.store.secret(name) for name in membership.secret_names(service)}
        assets = await self.store.assets(application, service_id, membership.specs_of(found, service_id))
        return merging.details_of(service, secrets, assets)

    async def create(self, application: str, details: ServiceDetails) -> str:
        """Register a Service and return its id.

        Raises:
            NotFound: no such Application.
            AlreadyExists: its identifier is taken.
            UpstreamRefused, UpstreamUnavailable: its specification cannot be fetched.
        """
        fetched = details.api is not None and rewriting.address_of(details.api) is not None
        if details.identifier or fetched:  # else the write itself is soon enough to find out
            membership.need_free(await self.store.application(application), details.identifier)
        service_id = self.clock.new_id()
        registration = await self._prepare(application, service_id, details)
        specs = membership.described(registration.assets)
        async with self._turn(application):
            changed = await self._write(
                application, registration, lambda old: membership.added(old, registration.entry, specs), new=True
            )
        await self._announce(changed, service_id)
        return service_id

    async def replace(self, application: str, service_id: str, details: ServiceDetails) -> ServiceDetails:
        """Register a Service anew under its id; its identifier stays. Returns it as it is read.

        Raises:
            NotFound: no such Application or Service.
            UpstreamRefused, UpstreamUnavailable: its specification cannot be fetched.
        """
        membership.find(await self.store.application(application), service_id)
        registration = await self._prepare(application, service_id, details)
        async with self._turn(application):
            changed = await self._write(
                application,
                registration,
                lambda old: membership.replaced(old, registration.entry, _specs(old, registration)),
                new=False,
            )
            await self._remove_unused(changed, registration)
        await self._announce(changed, service_id)
        return await self.read(application, service_id)

    async def remove(self, application: str, service_id: str) -> None:
        """Remove a Service; nothing happens when there is none of that id.

        Raises:
            NotFound: no such Application.
        """
        async with self._turn(application):
            before = await self.store.application(application)
            changed = await self.store.change(application, lambda old: membership.removed(old, service_id))
            if changed.revision != before.revision:
                await self.store.delete_leftovers(application, [service_id])
        if changed.revision != before.revision:
            await self._announce(changed, service_id)

    def _turn(self, application: str) -> asyncio.Lock:
        """Return the lock that keeps writes to one Application apart within this process."""
        return self._turns.setdefault(application, asyncio.Lock())

    async def _prepare(self, application: str, service_id: str, details: ServiceDetails) -> Registration:
        """Do what may take long or fail: fetch the specification, make the key pair."""
        try:
            complete = await self._with_specification(details)
        except (UpstreamRefused, UpstreamUnavailable) as error:
            await self._note_failure(application, details.name, error)
            raise
        owned = merging.owned_by(application, complete)
        return merging.register(
            application,
            service_id,
            owned,
            gateway_url=self.gateway_url,
            key_pair=await self._key_pair(application, service_id, details),
        )

    async def _note_failure(self, application: str, service: str, error: HubError) -> None:
        """Tell operators, who do not see what the solution is answered."""
        log.warning("specification.unavailable", application=application, service=service, error=error.detail)
        time = rfc3339(self.clock.now())
        with contextlib.suppress(HubError):  # the caller must get the first error, whatever else fails
            await self.store.change(application, lambda old: condition.failed(old, service, error.detail, time))

    async def _with_specification(self, details: ServiceDetails) -> ServiceDetails:
        api = details.api
        if api is None:
            return details
        document, address = api.spec, rewriting.address_of(api)
        if address is not None:
            document = await self.fetcher.fetch(
                address, api.specification_credentials, api.specification_request_parameters
            )
        if not document:
            return details
        return replace(details, api=replace(api, spec=rewriting.rewrite(api, document, self.gateway_url)))

    async def _key_pair(self, application: str, service_id: str, details: ServiceDetails) -> dict[str, str] | None:
        """Return the key pair for a generated certificate: the one there is while the common name stays."""
        method = details.api.credentials.method if details.api and details.api.credentials else None
        if not isinstance(method, CertificateGen) or not method.common_name:
            return None
        stored = await self.store.secret(naming.resource_name(application, service_id))
        if stored.get("commonName") == method.common_name and stored.get("crt"):
            return {"crt": stored["crt"], "key": stored["key"]}
        return await asyncio.to_thread(make_key_pair, method.common_name, self.clock.now())

    async def _write(
        self, application: str, registration: Registration, change: Callable[[Resource], Resource], *, new: bool
    ) -> Resource:
        service_id = registration.entry["id"]
        labels = {"app": application, "serviceId": service_id}
        async with Undoing() as undoing:

            async def write_things() -> None:
                if new and undoing.begun:  # nobody else knows the id yet: once is enough
                    return
                secrets = (
                    self.store.write_secret(name, values, labels, known=not new)
                    for name, values in registration.secrets.items()
                )
                assets = (
                    self.store.write_asset(naming.asset_name(application, service_id, kind), document, known=not new)
                    for kind, document in registration.assets.items()
                )
                await undoing.all([*secrets, *assets])

            return await self.store.change(application, change, write_things)

    async def _remove_unused(self, application: Resource, registration: Registration) -> None:
        service_id = registration.entry["id"]
        names = {
            naming.resource_name(application.name, service_id),
            naming.parameters_name(application.name, service_id),
        }
        await self.store.delete_secrets(names - set(registration.secrets), application.name)
        kept = membership.specs_of(application, service_id)
        unused = [kind for kind in ASSET_KINDS if kind not in kept]
        await self.store.delete_assets(application.name, service_id, unused)

    async def _announce(self, application: Resource, service_id: str) -> None:
        """Tell the other rooms. The state is stored already and they compare it now and then, so silence heals."""
        services = len(membership.services_of(application))
        log.info("application.changed", application=application.name, services=services, service=service_id)
        try:
            await self.publish(
                ApplicationChanged(
                    application=application.name,
                    services=services,
                    changed_services=(service_id,),
                    generation=application.generation,
                    revision=application.revision,
                )
            )
        except HubError as error:
            log.warning("application.unannounced", application=application.name, error=error.detail)


def _specs(old: Resource, registration: Registration) -> dict[str, Any]:
    """Return which documents a replaced Service has: the new set as a whole, or the old one when nothing new came."""
    if registration.assets:
        return membership.described(registration.assets)
    kept = membership.specs_of(old, registration.entry["id"])
    types = {entry["type"] for entry in registration.entry["entries"]}
    belongs = {"asyncapi": "Events", "openapi": "API", "odata": "API"}
    return {kind: said for kind, said in kept.items() if belongs.get(kind, "API") in types or kind == "docs"}
