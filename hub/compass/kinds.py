"""The kind of resource that shows the connection with Compass: CompassConnection, as upstream's.

Source: kyma-project/kyma:installation/resources/crds/compass-runtime-agent/compass-connection.crd.yaml@2.20.0
"""

from dataclasses import replace

from hub.kernel.errors import InvalidField
from hub.kernel.resource import Column, Kind, Resource, need_map, refuse_unknown

API_VERSION = "compass.kyma-project.io/v1alpha1"
NAME = "compass-connection"
_FLAGS = ("resyncNow", "refreshCredentialsNow", "acceptRemovals")
_FIELDS = {"managementInfo", *_FLAGS}
_ADDRESSES = {"directorUrl", "connectorUrl"}


def admit_connection(new: Resource, old: Resource | None) -> Resource:
    """Judge a CompassConnection: a person may ask for a synchronization or a renewal; addresses come from Compass.

    Raises:
        InvalidField: another name, or a field that does not exist or has the wrong type.
    """
    if new.name != NAME:
        raise InvalidField(f"metadata.name must be {NAME}: the hub has one connection.", field="metadata.name")
    refuse_unknown(new.spec, _FIELDS, "spec")
    path = "spec.managementInfo"
    refuse_unknown(need_map(new.spec.get("managementInfo") or {}, path), _ADDRESSES, path)
    for name in _FLAGS:
        if not isinstance(new.spec.get(name, False), bool):
            raise InvalidField(f"spec.{name} must be a boolean.", field=f"spec.{name}")
    addresses = (old.spec if old else {}).get("managementInfo")
    return replace(new, spec=new.spec | ({"managementInfo": addresses} if addresses else {}))


def _state(resource: Resource) -> str:
    return str(resource.status.get("connectionState", ""))


def _last(resource: Resource) -> str:
    return str((resource.status.get("synchronizationStatus") or {}).get("lastSuccessfulApplication", ""))


def _until(resource: Resource) -> str:
    certificate = (resource.status.get("connectionStatus") or {}).get("certificateStatus") or {}
    return str(certificate.get("notAfter", ""))


CONNECTION = Kind(
    kind="CompassConnection",
    plural="compassconnections",
    api_versions=(API_VERSION,),
    admit=admit_connection,
    scoped=False,
    columns=(Column("State", _state), Column("Synchronized", _last), Column("Certificate until", _until)),
    description="The connection with Compass. Deleting it asks for a new pairing with the token in the pairing Secret.",
    fields={
        "spec.managementInfo.directorUrl": "Address of the Director, as Compass says it.",
        "spec.managementInfo.connectorUrl": "Address of the Connector for certificates, as Compass says it.",
        "spec.resyncNow": "true: synchronize now; cleared after a synchronization that succeeded.",
        "spec.acceptRemovals": "true: the next synchronization may remove however many Applications are gone; cleared.",
        "spec.refreshCredentialsNow": "true: renew the client certificate now; cleared then.",
    },
)

KINDS = (CONNECTION,)
