"""The connector's HTTP surface: pairing with a token, and what a client certificate may do with itself.

The same five endpoints stand below two roots, for Applications and for runtimes. Two stricter answers than upstream's:
a request without a client certificate is 401, a body that is no JSON is 400 (upstream says 500 to both).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from contracts.certificate.v1 import CertificateRevoked
from hub.connector import answers, dialect
from hub.connector.announcing import Actor, Announcer
from hub.connector.clients import Clients, runtime_of
from hub.connector.custody import Custody
from hub.connector.handlers import FINGERPRINT, Revoking
from hub.connector.model import Client, Issued, Pairing, Subject
from hub.connector.settings import ConnectorSettings
from hub.connector.signing import sign
from hub.connector.store import Tokens
from hub.kernel.admittance import Admittance
from hub.kernel.clock import Clock
from hub.kernel.errors import HubError, InvalidInput, NotAuthenticated, NotPermitted
from hub.kernel.http.app import route
from hub.kernel.http.body import fold_keys, read_body, strict_json
from hub.kernel.identity import Identity, identity_of, peer_of
from hub.kernel.problem import headers_of
from hub.kernel.state import Entry

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_HEADERS = {"content-type": dialect.MEDIA_TYPE}


@dataclass(frozen=True)
class Endpoints:
    """The endpoints, with what they need."""

    base_url: str
    settings: ConnectorSettings
    clients: Clients
    tokens: Tokens
    revoking: Revoking
    admittance: Admittance
    custody: Custody
    announcer: Announcer
    clock: Clock

    async def signing_information(self, request: Request) -> Response:
        """Exchange the token for a second one, and tell what to put into the signing request."""
        entry = await self._pairing(request)
        client, subject = self.clients.current(entry.value.client)
        token = await self.tokens.exchange(entry)
        return answer(200, answers.signing_information(self.base_url, client, subject, token))

    async def issue(self, request: Request) -> Response:
        """Sign a request by token. The token is used up only by success, so a wrong request can be corrected."""
        entry = await self._pairing(request)
        client, subject = self.clients.current(entry.value.client)
        issued = await self._sign(request, subject)
        await self.tokens.consume(entry)
        await self.announcer.issued(client, issued, _actor(request, "token", client.application))
        return self._signed(issued)

    async def management_information(self, request: Request) -> Response:
        """Tell who the caller is and where everything is; called before each event, so it reads memory only."""
        _, client, subject = self._admitted(request)
        return answer(200, answers.management_information(self.base_url, client, subject))

    async def renew(self, request: Request) -> Response:
        """Sign a request by certificate; the same key may be used again."""
        identity, client, subject = self._admitted(request)
        issued = await self._sign(request, subject)
        actor = _actor(request, "certificate", identity.common_name)
        await self.announcer.renewed(client, issued, identity.fingerprint, actor)
        return self._signed(issued)

    async def revoke(self, request: Request) -> Response:
        """Revoke the certificate of this very connection; once more does nothing more."""
        identity = identity_of(request.scope)
        if identity.not_after is None or not FINGERPRINT.fullmatch(identity.fingerprint):
            raise NotAuthenticated("Only a client certificate can revoke itself; present it.")
        revoked = CertificateRevoked(
            application=identity.common_name,
            fingerprint=identity.fingerprint,
            serial=f"{identity.serial:x}",
            reason="by its owner",
        )
        actor = _actor(request, "certificate", identity.common_name)
        client = Client(identity.common_name)
        client = runtime_of(identity) if client.runtime else client
        await self.revoking.revoke(client, revoked, identity.not_after, actor)
        return Response(status_code=201, headers=_HEADERS)

    async def _pairing(self, request: Request) -> Entry[Pairing]:
        token = request.query_params.get("token")
        if not token:
            raise NotPermitted(dialect.NO_TOKEN)
        return await self.tokens.find(token, runtime=_is_runtimes(request))

    def _admitted(self, request: Request) -> tuple[Identity, Client, Subject]:
        """Return who calls by certificate, as what client, and the subject of its next certificate."""
        identity = identity_of(request.scope)
        self.admittance.check(identity)
        if _is_runtimes(request):
            return identity, *self.clients.current(runtime_of(identity))
        self.admittance.admit(identity, identity.common_name)
        return identity, *self.clients.current(Client(identity.common_name))

    async def _sign(self, request: Request, subject: Subject) -> Issued:
        encoded = signing_request_of(await read_body(request, self.settings.body_limit_bytes))
        now, days = self.clock.now(), self.settings.certificate_days
        return await asyncio.to_thread(sign, self.custody.issuing(), encoded, subject, now=now, days=days)

    def _signed(self, issued: Issued) -> Response:
        return answer(201, answers.certificates(issued, self.custody.trusted()))


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
    served: list[BaseRoute] = []
    for paths in (answers.APPLICATIONS, answers.RUNTIMES):
        table = (
            (paths.info, "GET", endpoints.signing_information),
            (paths.certificates, "POST", endpoints.issue),
            (paths.management, "GET", endpoints.management_information),
            (paths.renewals, "POST", endpoints.renew),
            (paths.revocations, "POST", endpoints.revoke),
        )
        for path, method, endpoint in table:
            # Refusals first: a route for GET takes HEAD too, and a link preview must not use a token up.
            served.append(route(path, _refusing(method), [other for other in METHODS if other != method]))
            served.append(route(path, endpoint, [method], render=render_error))
        # Everything else below the root, a trailing slash included, is unknown in upstream's words too.
        served.append(route(f"{paths.root}/{{path:path}}", _unknown, list(METHODS)))
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


def _is_runtimes(request: Request) -> bool:
    return request.url.path.startswith(f"{answers.RUNTIMES.root}/")


def _actor(request: Request, proven_by: str, name: str) -> Actor:
    return Actor(f"{proven_by}:{name}", peer_of(request.scope).address)
