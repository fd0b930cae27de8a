"""PURE. Whose certificate is this, and who may pair: Applications by their name, runtimes by their tenant and group."""

from dataclasses import dataclass

from contracts.application.acceptance import accepted_subjects, tenant_and_group
from contracts.subjects import key
from hub.connector.model import RUNTIME, Client, Subject
from hub.connector.settings import SubjectSettings
from hub.connector.subject import subject_of
from hub.kernel.errors import InvalidInput, MissingField, NotFound, NotPermitted
from hub.kernel.identity import Identity
from hub.kernel.resource import CLUSTER, Resource
from hub.kernel.state import View


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients there are, and the subject each one's certificate has."""

    applications: View[Resource]
    subjects: SubjectSettings

    def application(self, name: str) -> Client:
        """Return an Application as a client, with the tenant and group it has now.

        Raises:
            NotFound: there is none of this name.
            InvalidInput: the certificates that speak for it are another authority's.
        """
        found = self.applications.get(key(CLUSTER, name))
        if found is None:
            raise NotFound(f"Application '{name}' is not registered; register it or correct the name.")
        if name not in accepted_subjects(name, found.spec)[0]:
            raise InvalidInput(
                f"Application '{name}' takes certificates of its clientIds only (spec.compassMetadata.authentication); "
                "one for its name would be of no use. Remove the clientIds to pair it here."
            )
        return Client(name, *tenant_and_group(found.spec))

    def runtime(self, tenant: str, group: str) -> Client:
        """Return a runtime as a client.

        Raises:
            MissingField: tenant or group is missing; upstream's text.
        """
        if not tenant or not group:
            raise MissingField("Required headers for ClusterContext not specified: tenant and group.", field="tenant")
        return Client(RUNTIME, tenant, group)

    def current(self, client: Client) -> tuple[Client, Subject]:
        """Return a client as it is now, and the subject its certificate must have.

        Raises:
            NotFound: its Application is gone.
            InvalidField: its name, tenant or group cannot stand in a certificate.
        """
        known = client if client.runtime else self.application(client.application)
        return known, subject_of(known, self.subjects)


def runtime_of(identity: Identity) -> Client:
    """Return the runtime that a certificate names.

    Raises:
        NotPermitted: it is no runtime's.
    """
    named = dict(identity.subject)
    if identity.common_name != RUNTIME or not named.get("O") or not named.get("OU"):
        raise NotPermitted(f"The certificate of '{identity.common_name}' is no runtime's; use the one issued for it.")
    return Client(RUNTIME, named["O"], named["OU"])
