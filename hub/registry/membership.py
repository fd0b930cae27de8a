"""The Services of an Application: found, added, replaced, removed - on the resource as a value.

`status.services.<id>.specs` says which documents of a Service are stored, with size and hash: readers need not ask the
object store, and whoever follows the bucket sees that a document changed.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from contracts.application.managing import is_managed
from hub.kernel.errors import AlreadyExists, NotFound, NotPermitted
from hub.kernel.resource import Resource
from hub.registry.condition import DEPLOYED, FAILURE
from hub.registry.formats import judged
from hub.registry.rewriting import file_name

Service = Mapping[str, Any]


def services_of(application: Resource) -> list[dict[str, Any]]:
    """Return the Services in the order of their registration."""
    return list(application.spec.get("services") or [])


def find(application: Resource, service_id: str) -> dict[str, Any]:
    """Return one Service.

    Raises:
        NotFound: the Application has none with this id.
    """
    found = next((service for service in services_of(application) if service["id"] == service_id), None)
    if found is None:
        raise NotFound(
            f"Reading service with ID {service_id} failed, Service with ID {service_id} not found", service=service_id
        )
    return found


def need_free(application: Resource, identifier: str) -> None:
    """Refuse an identifier that a Service of the Application has already.

    Raises:
        AlreadyExists: it has.
    """
    if identifier and any(service.get("identifier") == identifier for service in services_of(application)):
        raise AlreadyExists(f"Service with Identifier {identifier} already exists", identifier=identifier)


def added(application: Resource, service: Service, specs: Mapping[str, Any]) -> Resource:
    """Return the Application with one more Service.

    Raises:
        AlreadyExists: its identifier is taken.
        NotPermitted: Compass keeps the Application.
    """
    need_unmanaged(application)
    need_free(application, service.get("identifier") or "")
    return _with(application, [*services_of(application), dict(service)], {service["id"]: {"specs": dict(specs)}})


def replaced(application: Resource, service: Service, specs: Mapping[str, Any]) -> Resource:
    """Return the Application with another version of a Service, which keeps its identifier and its place.

    Raises:
        NotFound: the Application has no such Service.
    """
    old = find(application, service["id"])
    kept = {"identifier": old["identifier"]} if old.get("identifier") else {}
    new = {name: value for name, value in service.items() if name != "identifier"} | kept
    services = [new if each["id"] == new["id"] else each for each in services_of(application)]
    return _with(application, services, {new["id"]: {"specs": dict(specs)}})


def removed(application: Resource, service_id: str) -> Resource:
    """Return the Application without a Service; the same when it has none of that id."""
    services = [service for service in services_of(application) if service["id"] != service_id]
    return _with(application, services, {})


def settled(application: Resource) -> Resource:
    """Return the Application with a status that speaks of its present Services only."""
    return _with(application, services_of(application), {})


def _with(application: Resource, services: list[dict[str, Any]], status: Mapping[str, Any]) -> Resource:
    ids = {service["id"] for service in services}
    known = (application.status.get("services") or {}) | dict(status)
    kept = {place: known[place] for place in known if _belongs(place, ids)}
    spec = application.spec | {"services": services} if services or "services" in application.spec else application.spec
    said = application.status | {"installationStatus": DEPLOYED, "services": kept}
    return replace(application, spec=spec, status={name: said[name] for name in said if name != FAILURE})


def specs_of(application: Resource, service_id: str) -> dict[str, Any]:
    """Return what is stored for a Service: key of the document → its size, hash and file name."""
    services = application.status.get("services") or {}
    return dict((services.get(service_id) or {}).get("specs") or {})


def described(assets: Mapping[str, bytes]) -> dict[str, Any]:
    """Return what the status says about documents."""
    return {
        kind: {
            "file": file_name(kind, document),
            "bytes": len(document),
            "sha256": hashlib.sha256(document).hexdigest(),
        }
        | judged(kind, document)
        for kind, document in assets.items()
    }


def forgotten(application: Resource) -> list[str]:
    """Return the ids that the status still speaks of and the spec does not."""
    ids = {service["id"] for service in services_of(application)}
    return [place for place in application.status.get("services") or {} if not _belongs(place, ids)]


def _belongs(place: str, ids: Collection[str]) -> bool:
    """Tell whether the status speaks of one of these Services: `<service>`, or `<service>/<entry>` as with Compass."""
    return place in ids or place.partition("/")[0] in ids


def need_unmanaged(application: Resource) -> None:
    """Refuse a change by the solution itself to an Application that Compass keeps.

    Raises:
        NotPermitted: it would be undone by the next synchronization.
    """
    if is_managed(application.labels):
        raise NotPermitted(
            f"Application {application.name} is managed by Compass; change its APIs and events there. They come here"
            " with the next synchronization."
        )


def secret_names(service: Service) -> list[str]:
    """Return the names of the Secrets that a Service refers to."""
    names: list[str] = []
    for entry in service.get("entries") or []:
        names.append((entry.get("credentials") or {}).get("secretName") or "")
        names.append(entry.get("requestParametersSecretName") or "")
    return [name for name in names if name]
