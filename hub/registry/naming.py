"""Names derived from what solutions choose: normalised names, Secret names, object names.

Source: `kyma-project/kyma:components/application-registry/internal/k8sconsts/nameresolver.go@1.24.0`,
`kyma-project/kyma:components/application-registry/internal/metadata/applications/util.go@1.24.0`.
"""

import hashlib
import re

from contracts.application.names import normalise

APPLICATION_PART = 26
"""63 characters of a resource name, less a UUID and a dash."""

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_COMPASS_OTHER = re.compile(r"[^-a-z0-9]")
_DASHES = re.compile(r"-{2,}")


def is_subdomain(name: str) -> bool:
    """Tell whether a name is a DNS-1123 subdomain: what Kubernetes accepts as the name of a resource."""
    return len(name) <= 253 and _SUBDOMAIN.fullmatch(name) is not None


def service_name(display_name: str, service_id: str) -> str:
    """Return the `name` of a Service: its normalised display name and the first five digits of its id's SHA-1."""
    suffix = hashlib.sha1(service_id.encode(), usedforsecurity=False).hexdigest()[:5]
    return f"{normalise(display_name)}-{suffix}".strip("-")


def resource_name(application: str, service_id: str) -> str:
    """Return the name of the Secret with the credentials of a Service."""
    return f"{application[:APPLICATION_PART]}-{service_id}"


def parameters_name(application: str, service_id: str) -> str:
    """Return the name of the Secret with the request parameters of a Service; cut as upstream cuts it."""
    name = f"params-{resource_name(application, service_id)}"
    return name[:63] if len(name) > 64 else name


def compass_name(name: str) -> str:
    """Return the name of an Application that comes from Compass; a normalised one is kept.

    Source: `kyma-project/application-connector-manager:components/compass-runtime-agent` normaliser.
    """
    if name.startswith("mp-") and name == _compass_normalised(name):
        return name
    return "mp-" + _compass_normalised(name).strip("-")


def _compass_normalised(name: str) -> str:
    dashed = _DASHES.sub("-", _COMPASS_OTHER.sub("-", name.lower()))
    return dashed.removesuffix("-")


def asset_name(application: str, service_id: str, kind: str) -> str:
    """Return the name under which a document of a Service is kept in the object store."""
    return f"specs/{application}/{service_id}/{kind}"


def asset_parts(name: str) -> tuple[str, str, str] | None:
    """Return Application, Service and kind of a document's name; None when the object is none. Inverse of the above."""
    root, _, rest = name.partition("/")
    application, _, rest = rest.partition("/")
    service_id, _, kind = rest.rpartition("/")
    return (application, service_id, kind) if root == "specs" and service_id and kind else None
