"""The connector's HTTP surface: pairing with a token, and what a client certificate may do with itself.

Two stricter answers than upstream's: a request without a client certificate is 401, a body that is no JSON is 400
(upstream says 500 to both).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from contracts.application.acceptance import tenant_and_group
from contracts.certificate.v1 import CertificateIssued, CertificateRenewed
from contracts.subjects import key
from hub.connector import answers, dialect
from hub.connector.handlers import Publish, Revoking, announce
from hub.connector.model import Authority, Client, Issued, Pairing, Subject
from hub.connector.settings import ConnectorSettings
from hub.connector.signing import sign
from hub.connector.store import Tokens
from hub.connector.subject import subject_of
from hub.kernel import metrics
from hub.kernel.admittance import Admittance
from hub.kernel.clock import Clock, rfc3339
from hub.kernel.errors import HubError, InvalidInput, NotAuthenticated, NotFound, NotPermitted
from hub.kernel.http.app import route
from hub.kernel.http.body import fold_keys, read_body, strict_json
from hub.kernel.identity import Identity, identity_of
from hub.kernel.problem import headers_of
from hub.kernel.resource import CLUSTER, Resource
from hub.kernel.state import Entry, View

log = structlog.get_logger()
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_HEADERS = {"content-type": dialect.MEDIA_TYPE}


@dataclass(frozen=True, slots=True)
class Clients:
    """Who may pair: the Applications, and the subject each one's certificate has."""

    applications: View[Resource]
    settings: ConnectorSettings

    def find(self, name: str) -> tuple[Client, Subject]:
        """Return the client of an Application and the subject its certificate must have.

        Raises:
            NotFound: there is no such Application.
            InvalidField: its name, tenant or group cannot stand in a certificate.
        """
        application = self.applications.get(key(CLUSTER, name))
        if application is None:
            raise NotFound(f"Application '{name}' is not registered; register it or correct the name.")
        client = Client(name, *tenant_and_group(application.spec))
        return client, subject_of(client, self.settings.subject)


@dataclass(frozen=True)
class Endpoints:
    """The endpoints, with what they need."""

    base_url: str
    settings: ConnectorSettings
    clients: Clients
    tokens: Tokens
    revoking: Revoking
    admittance: Admittance
    authority: Callable[[], Authority]
    publish: Publish
    clock: Clock

    async def signing_information(self, request: Request) -> Response:
        """Exchange the token for a second one, and tell what to put into the signing request."""
        entry = await self._pairing(request)
        client, subject = self.clients.find(entry.value.application)
        token = await self.tokens.exchange(entry)
        return answer(200, answers.signing_information(self.base_url, client, subject, token))

    async def issue(self, request: Request) -> Response:
        """Sign a request by token. The token is used up only by success, so a wrong request can be corrected."""
        entry = await self._pairing(request)
        client, subject = self.clients.find(entry.value.application)
        issued = await self._sign(request, subject)
        await self.tokens.consume(entry)
        metrics.CERTIFICATES.labels("issued").inc()
        log.info("certificate.issued", **_facts(issued) | {"not_after": rfc3339(issued.not_after)})
        await announce(self.publish, CertificateIssued(application=client.application, **_facts(issued)))
        return answer(201, answers.certificates(issued))

    async def management_information(self, request: Request) -> Response:
        """Tell who the caller is and where everything is; called before each event, so it reads memory only."""
        client, subject = self.clients.find(self._admitted(request).common_name)
        return answer(200, answers.management_information(self.base_url, client, subject))

    async def renew(self, request: Request) -> Response:
        """Sign a request by certificate; the same key may be used again."""
        identity = self._admitted(request)
        client, subject = self.clients.find(identity.common_name)
        issued = await self._sign(request, subject)
        metrics.CERTIFICATES.labels("renewed").inc()
        log.info("certificate.renewed", **_facts(issued) | {"not_after": rfc3339(issued.not_after)})
        renewed = CertificateRenewed(
            application=client.application, previous_fingerprint=identity.fingerprint, **_facts(issued)
        )
        await announce(self.publish, renewed)
        return answer(201, answers.certificates(issued))

    async def revoke(self, request: Request) -> Response:
        """Revoke the certificate of this very connection; once more does nothing more."""
        identity = identity_of(request.scope)
        if identity.not_after is None:
            raise NotAuthenticated("Only a client certificate can revoke itself; present it.")
        await self.revoking.revoke(
            identity.fingerprint, identity.common_name, serial=f"{identity.serial:x}", reason="by its owner"
        )
        return Response(status_code=201, headers=_HEADERS)

    async def _pairing(self, request: Request) -> Entry[Pairing]:
        token = request.query_params.get("token")
        if not token:
            raise NotPermitted(dialect.NO_TOKEN)
        return await self.tokens.find(token)

    def _admitted(self, request: Request) -> Identity:
        identity = identity_of(request.scope)
        self.admittance.check(identity)
        self.admittance.admit(identity, identity.common_name)
        return identity

    async def _sign(self, request: Request, subject: Subject) -> Issued:
        encoded = signing_request_of(await read_body(request, self.settings.body_limit_bytes))
        return await asyncio.to_thread(
            sign, self.authority(), encoded, subject, now=self.clock.now(), days=self.settings.certificate_days
        )


def signing_request_of(body: bytes) -> str:
    """Return the signing request of a body `{"csr": "…"}`; member names in any case, as Go reads them.

    Raises:
        InvalidInput: the body is no JSON object, or its csr no text.
    """
    document = fold_keys(strict_json(body))
    encoded = document.get("csr") or "" if isinstance(document, dict) else None
    if not isinstance(encoded, str):
        raise InvalidInput('The body is not a signing request; send {"csr": "<base64 of the PEM request>"}.')
    return encoded


def routes(endpoints: Endpoints) -> list[BaseRoute]:
    """Return the routes; each path refuses every other method in upstream's words."""
    table = (
        (answers.INFO, "GET", endpoints.signing_information),
        (answers.CERTIFICATES, "POST", endpoints.issue),
        (answers.MANAGEMENT, "GET", endpoints.management_information),
        (answers.RENEWALS, "POST", endpoints.renew),
        (answers.REVOCATIONS, "POST", endpoints.revoke),
    )
    served: list[BaseRoute] = []
    for path, method, endpoint in table:
        # Refusals first: a route for GET takes HEAD too, and a link preview must not use a token up.
        served.append(route(path, _refusing(method), [other for other in METHODS if other != method]))
        served.append(route(path, endpoint, [method], render=render_error))
    # Everything else below these, a trailing slash included, is unknown in upstream's words too; so are runtimes.
    served += [route(f"/v1/{client}/{{path:path}}", _unknown, list(METHODS)) for client in ("applications", "runtimes")]
    return served


def answer(status: int, document: dict[str, Any]) -> Response:
    """Return a document with the media type of the dialect; nothing on the way may keep it."""
    return Response(dialect.render(document), status, headers=_HEADERS | {"cache-control": "no-store"})


def render_error(error: HubError) -> Response:
    """Return an error in the shape of the dialect."""
    body = dialect.render_error(error.status, error.detail)
    return Response(body, error.status, headers=_HEADERS | headers_of(error))


def _refusing(allowed: str) -> Callable[[Request], Awaitable[Response]]:
    async def refuse(_request: Request) -> Response:
        body = dialect.render_error(405, dialect.WRONG_METHOD)
        return Response(body, 405, headers=_HEADERS | {"allow": allowed})

    return refuse


async def _unknown(_request: Request) -> Response:
    return Response(dialect.render_error(404, dialect.UNKNOWN_PATH), 404, headers=_HEADERS)


def _facts(issued: Issued) -> dict[str, Any]:
    return {
        "subject": issued.subject,
        "serial": issued.serial,
        "fingerprint": issued.fingerprint,
        "not_after": issued.not_after,
    }
