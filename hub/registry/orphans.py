"""Which Secrets and documents belong to no Service: what a killed registration or removal left behind.

A registration writes Secrets and documents first and the Application last, so a crash in between leaves things that
nothing refers to, and never a Service whose things are missing. What is young may belong to one that is under way.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from hub.kernel.resource import Resource
from hub.registry import membership, naming

Applications = Mapping[str, Resource]
"""Applications by name."""


def is_orphaned_secret(secret: Resource, applications: Applications, *, now: datetime, grace: timedelta) -> bool:
    """Tell whether a Secret was made for a Service that is not there, or no longer refers to it.

    Only Secrets with the two labels that registrations give are judged; an operator's own never are.
    """
    application = secret.labels.get("app")
    service_id = secret.labels.get("serviceId") or secret.labels.get("bundleId")
    if not application or not service_id or secret.name not in _names(application, service_id):
        return False
    if not secret.created or now - datetime.fromisoformat(secret.created) < grace:
        return False
    found = applications.get(application)
    return found is None or secret.name not in _referred(found)


def _names(application: str, service_id: str) -> set[str]:
    of_bundle = f"{f'params-{application}'[: naming.APPLICATION_PART]}-{service_id}"
    return {
        naming.resource_name(application, service_id),
        naming.parameters_name(application, service_id),
        of_bundle,
    }


def _referred(application: Resource) -> set[str]:
    return {name for service in membership.services_of(application) for name in membership.secret_names(service)}


def orphaned_documents(names: Iterable[str], applications: Applications) -> list[str]:
    """Return the names of documents that no Service speaks of; objects of other rooms never are among them."""
    parts = {name: naming.asset_parts(name) for name in names}
    return [name for name, of in parts.items() if of is not None and not _spoken_of(applications.get(of[0]), *of[1:])]


def _spoken_of(application: Resource | None, service_id: str, kind: str) -> bool:
    return application is not None and kind in membership.specs_of(application, service_id)
