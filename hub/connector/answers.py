"""PURE. The documents the connector answers with, field for field as Kyma's connector service does.

Where clients read a field under another name than upstream writes it, both are sent.
Source: kyma-project/kyma:components/connector-service/internal/externalapi@1.24.0
"""

import base64
from typing import Any

from hub.connector.model import Client, Issued, Subject
from hub.connector.subject import render

PREFIX = "/v1/applications"
INFO = f"{PREFIX}/signingRequests/info"
CERTIFICATES = f"{PREFIX}/certificates"
MANAGEMENT = f"{PREFIX}/management/info"
RENEWALS = f"{PREFIX}/certificates/renewals"
REVOCATIONS = f"{PREFIX}/certificates/revocations"


def pairing_url(base_url: str, token: str) -> str:
    """Return the address that is given to a person as the token."""
    return f"{base_url}{INFO}?token={token}"


def signing_information(base_url: str, client: Client, subject: Subject, token: str) -> dict[str, Any]:
    """Return what a client needs to make its signing request; `token` is the second one, for the request itself."""
    return {
        "csrUrl": f"{base_url}{CERTIFICATES}?token={token}",
        "api": {
            **_runtime_urls(base_url, client),
            "infoUrl": f"{base_url}{MANAGEMENT}",
            "certificatesUrl": f"{base_url}{CERTIFICATES}",
        },
        "certificate": _certificate(subject),
    }


def management_information(base_url: str, client: Client, subject: Subject) -> dict[str, Any]:
    """Return who the caller is and where everything is; clients read it again before each event."""
    revocations = f"{base_url}{REVOCATIONS}"
    return {
        "clientIdentity": _identity(client),
        "urls": {
            **_runtime_urls(base_url, client),
            "renewCertUrl": f"{base_url}{RENEWALS}",
            "revokeCertUrl": revocations,
            "revocationCertUrl": revocations,
        },
        "certificate": _certificate(subject),
    }


def certificates(issued: Issued) -> dict[str, str]:
    """Return a new certificate in the three forms of upstream; the bundle begins with the client's own.

    Clients read the first certificate of the bundle; some cannot read an ECDSA one, which the authority's may be.
    """
    return {
        "crt": _base64(issued.certificate + issued.authority_certificate),
        "clientCrt": _base64(issued.certificate),
        "caCrt": _base64(issued.authority_certificate),
    }


def _runtime_urls(base_url: str, client: Client) -> dict[str, str]:
    root = f"{base_url}/{client.application}/v1"
    return {
        "eventsInfoUrl": f"{root}/events/subscribed",
        "eventsUrl": f"{root}/events",
        "metadataUrl": f"{root}/metadata/services",
    }


def _identity(client: Client) -> dict[str, str]:
    named = {"application": client.application, "group": client.group, "tenant": client.tenant}
    return {name: value for name, value in named.items() if value}


def _certificate(subject: Subject) -> dict[str, str]:
    return {"subject": render(subject), "extensions": "", "key-algorithm": "rsa2048"}


def _base64(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
