"""Calls a Compass as its clients do: solutions, runtimes, the landscape's admin."""

import base64
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509

from hub.compass import queries
from hub.compass.certification import new_request
from hub.compass.graphql import context_of
from hub.compass.model import Credentials
from tests.doubles.compass.serving import ADMIN, Compass

CONFIGURATION = """query { result: configuration() { token { token }
  certificateSigningRequestInfo { subject keyAlgorithm }
  managementPlaneInfo { directorURL certificateSecuredConnectorURL } } }"""
"""As older agents send it, with the parentheses that the grammar forbids."""


class Caller:
    """Any client."""

    def __init__(self, compass: Compass, ca: Path) -> None:
        """Trust it, by a file that is written for it."""
        self.compass = compass
        self.ca = ca
        self.ca.write_bytes(compass.authority.pem)
        self.clients: list[httpx.AsyncClient] = []

    def client(self, credentials: Credentials | None = None) -> httpx.AsyncClient:
        """Return a client, with a certificate or without."""
        context: ssl.SSLContext = context_of(self.ca, credentials, verify=True)
        self.clients.append(httpx.AsyncClient(verify=context, trust_env=False))
        return self.clients[-1]

    async def close(self) -> None:
        """Close every client."""
        for client in self.clients:
            await client.aclose()

    async def ask(
        self, url: str, document: str, credentials: Credentials | None = None, headers: Mapping[str, str] | None = None,
        **variables: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """Send a document; returns the whole answer."""
        body = {"query": document, "variables": variables or None}
        answer = await self.client(credentials).post(url, json=body, headers=dict(headers or {}))
        found: dict[str, Any] = answer.json()
        return found

    async def connector(
        self, document: str, token: str = "", credentials: Credentials | None = None, **more: Any
    ) -> Any:
        """Ask the Connector by token or by certificate."""
        url = self.compass.secured_url("connector") if credentials else self.compass.connector_url
        return await self.ask(url, document, credentials, {"Connector-Token": token} if token else {}, **more)

    async def admin(self, document: str, **variables: Any) -> dict[str, Any]:
        """Ask the Director as the landscape's admin."""
        headers = {"Authorization": f"Bearer {ADMIN}", "Tenant": "tenant-1"}
        answer = await self.ask(self.compass.director_url, document, None, headers, **variables)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    async def pair(self, kind: str, object_id: str) -> Credentials:
        """Pair a runtime or an application; returns its certificate."""
        token = self.compass.world.token_for(kind, object_id, "tenant-1")
        told = (await self.connector(CONFIGURATION, token))["data"]["result"]
        subject = told["certificateSigningRequestInfo"]["subject"]
        key, request = new_request(subject, 2048)
        signed = await self.connector(queries.SIGN, told["token"]["token"], csr=request)
        return self.credentials(signed["data"]["signCertificateSigningRequest"], key)

    def credentials(self, signed: dict[str, str], key: bytes) -> Credentials:
        """Return what was signed, with its key."""
        certificate, chain, authorities = (
            base64.b64decode(signed[name]) for name in ("clientCertificate", "certificateChain", "caCertificate")
        )
        leaf = x509.load_pem_x509_certificate(certificate)
        leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(authorities))
        assert 2 == len(x509.load_pem_x509_certificates(chain))
        return Credentials(
            certificate, chain, authorities, leaf.not_valid_before_utc, leaf.not_valid_after_utc, "", key
        )
