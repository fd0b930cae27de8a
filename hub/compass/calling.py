"""The ways to Connector and Director: a client without a certificate, and one with the present one. Not pure.

A client keeps its connections; it is made anew when the certificate was exchanged.
"""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from hub.compass.graphql import Endpoint, context_of
from hub.compass.model import Credentials
from hub.compass.settings import CompassSettings
from hub.kernel.errors import InvalidInput

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_KEEP_SECONDS = 30.0
"""A connection that rests longer is closed before the other side does so under a request."""


class Caller:
    """Makes endpoints."""

    def __init__(self, settings: CompassSettings) -> None:
        """Connect with nothing yet."""
        self._settings = settings
        self._clients: dict[bytes, httpx.AsyncClient] = {}

    async def by_token(self, url: str, token: str, headers: Mapping[str, str]) -> Endpoint:
        """Return an address as one calls it with a one-time token.

        Raises:
            InvalidInput: the token would travel in the clear.
            Misconfigured: HUB_COMPASS__CA_FILE cannot be read.
        """
        return self._endpoint(await self._client(None), url, {**headers, "Connector-Token": token})

    async def by_certificate(self, url: str, credentials: Credentials, headers: Mapping[str, str]) -> Endpoint:
        """Return an address as one calls it with the client certificate.

        Raises:
            InvalidInput: the address is not one.
            Misconfigured: HUB_COMPASS__CA_FILE cannot be read.
        """
        return self._endpoint(await self._client(credentials), url, headers)

    def _endpoint(self, client: httpx.AsyncClient, url: str, headers: Mapping[str, str]) -> Endpoint:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise InvalidInput(f"'{url[:200]}' is no https address; secrets are sent there, so it must be one.")
        given = {name: value for name, value in headers.items() if value}
        return Endpoint(client, url, self._settings.answer_limit_bytes, self._settings.timeout_seconds, given)

    async def _client(self, credentials: Credentials | None) -> httpx.AsyncClient:
        key = credentials.chain + credentials.key if credentials is not None else b""
        if key not in self._clients:
            verify = self._settings.verify_tls
            context = await asyncio.to_thread(context_of, self._settings.ca_file, credentials, verify=verify)
            await self._close_others(key)
            limits = httpx.Limits(max_connections=8, keepalive_expiry=_KEEP_SECONDS)
            self._clients[key] = httpx.AsyncClient(
                verify=context, timeout=self._settings.timeout_seconds, follow_redirects=False, limits=limits
            )
        return self._clients[key]

    async def _close_others(self, key: bytes) -> None:
        for other in [each for each in self._clients if each and key]:
            await self._clients.pop(other).aclose()

    async def close(self) -> None:
        """Close all connections."""
        while self._clients:
            await self._clients.popitem()[1].aclose()
