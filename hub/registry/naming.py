"""Names derived from what solutions choose: normalised names, Secret names, object names.

Source: `kyma-project/kyma:components/application-registry/internal/k8sconsts/nameresolver.go@1.24.0`,
`kyma-project/kyma:components/application-registry/internal/metadata/applications/util.go@1.24.0`.
"""

import hashlib

from contracts.application.names import normalise

APPLICATION_PART = 26
"""63 characters of a resource name, less a UUID and a dash."""


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


def asset_name(application: str, service_id: str, kind: str) -> str:
    """Return the name under which a document of a Service is kept in the object store."""
    return f"specs/{application}/{service_id}/{kind}"


def asset_parts(name: str) -> tuple[str, str, str] | None:
    """Return Application, Service and kind of a document's name; None when the object is none. Inverse of the above."""
    root, _, rest = name.partition("/")
    application, _, rest = rest.partition("/")
    service_id, _, kind = rest.rpartition("/")
    return (application, service_id, kind) if root == "specs" and service_id and kind else None
