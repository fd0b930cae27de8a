"""PURE. The documents the connector answers with, field for field as Kyma's connector service does.

Applications and runtimes have the same endpoints below two roots; a runtime is told no addresses of Applications.
Where clients read a field under another name than upstream writes it, both are sent.
Source: kyma-project/kyma:components/connector-service/internal/externalapi@1.24.0
"""

import base64
from dataclasses import dataclass
from typing import Any

from hub.connector.model import Client, Issued, Subject
from hub.connector.subject import render


@dataclass(frozen=True, slots=True)
class Paths:
    """Where the endpoints of one kind of client are."""

    root: str

    @property
    def info(self) -> str:
        """Signing information, by token."""
        return f"{self.root}/signingRequests/info"

    @property
    def certificates(self) -> str:
        """The first certificate, by token."""
        return f"{self.root}/certificates"

    @property
    def management(self) -> str:
        """Who the caller is, by certificate."""
        return f"{self.root}/management/info"

    @property
    def renewals(self) -> str:
        """The next certificate, by certificate."""
        return f"{self.root}/certificates/renewals"

    @property
    def revocations(self) -> str:
        """The end of the caller's certificate."""
        return f"{self.root}/certificates/revocations"


APPLICATIONS = Paths("/v1/applications")
RUNTIMES = Paths("/v1/runtimes")


def paths_of(client: Client) -> Paths:
    """Return the endpoints of a client."""
    return RUNTIMES if client.runtime else APPLICATIONS


def pairing_url(base_url: str, client: Client, token: str) -> str:
    """Return the address that is given to a person as the token."""
    return f"{base_url}{paths_of(client).info}?token={token}"


def signing_information(base_url: str, client: Client, subject: Subject, token: str) -> dict[str, Any]:
    """Return what a client needs to make its signing request; `token` is the second one, for the request itself."""
    paths = paths_of(client)
    return {
        "csrUrl": f"{base_url}{paths.certificates}?token={token}",
        "api": {
            **_application_urls(base_url, client),
            "infoUrl": f"{base_url}{paths.management}",
            "certificatesUrl": f"{base_url}{paths.certificates}",
        },
        "certificate": _certificate(subject),
    }


def management_information(base_url: str, client: Client, subject: Subject) -> dict[str, Any]:
    """Return who the caller is and where everything is; clients read it again before each event."""
    paths = paths_of(client)
    revocations = f"{base_url}{paths.revocations}"
    return {
        "clientIdentity": _identity(client),
        "urls": {
            **_application_urls(base_url, client),
            "renewCertUrl": f"{base_url}{paths.renewals}",
            "revokeCertUrl": revocations,
            "revocationCertUrl": revocations,
        },
        "certificate": _certificate(subject),
    }


def certificates(issued: Issued, authorities: bytes) -> dict[str, str]:
    """Return a new certificate in the three forms of upstream; the bundle begins with the client's own.

    Clients read the first certificate of the bundle; some cannot read an ECDSA one, which the authority's may be.

    Args:
        issued: the new certificate.
        authorities: every authority the edge's server may be vouched for by, the issuing one first.
    """
    return {
        "crt": _base64(issued.certificate + issued.authority_certificate),
        "clientCrt": _base64(issued.certificate),
        "caCrt": _base64(authorities),
    }


def _application_urls(base_url: str, client: Client) -> dict[str, str]:
    if client.runtime:
        return {}
    root = f"{base_url}/{client.application}/v1"
    return {
        "eventsInfoUrl": f"{root}/events/subscribed",
        "eventsUrl": f"{root}/events",
        "metadataUrl": f"{root}/metadata/services",
    }


def _identity(client: Client) -> dict[str, str]:
    named = {
        "application": "" if client.runtime else client.application,
        "group": client.group,
        "tenant": client.tenant,
    }
    return {name: value for name, value in named.items() if value}


def _certificate(subject: Subject) -> dict[str, str]:
    return {"subject": render(subject), "extensions": "", "key-algorithm": "rsa2048"}


def _base64(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
