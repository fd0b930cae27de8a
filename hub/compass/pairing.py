"""Gets the client certificate by a pairing token, and renews it by itself. Not pure: it calls the Connector.

A token is good for one call, so what the first of the two calls gave is kept in memory when the second one is not
answered: an outage in between costs no token.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.compass import queries
from hub.compass.calling import Caller
from hub.compass.certification import configuration_of, credentials_of, new_request
from hub.compass.graphql import Endpoint
from hub.compass.model import Configuration, Credentials, Pairing
from hub.compass.renewal import token_digest
from hub.kernel.errors import HubError, InvalidInput, UpstreamUnavailable


@dataclass
class Pairer:
    """Speaks with the Connector."""

    caller: Caller
    key_bits: int
    _begun: tuple[str, Configuration] | None = field(default=None, repr=False)
    """Digest of a token that is used up, and what it was used up for."""

    async def pair(self, pairing: Pairing, headers: Mapping[str, str]) -> tuple[Credentials, Configuration]:
        """Return a certificate for a token, and where Director and Connector are.

        Raises:
            HubError: the Connector refuses or does not answer; a later call goes on where this one stopped.
        """
        if not pairing.token:
            raise InvalidInput("The pairing Secret has no TOKEN; request a new one for this Runtime and add it.")
        digest = token_digest(pairing.token)
        if self._begun is None or self._begun[0] != digest:
            endpoint = await self.caller.by_token(pairing.connector_url, pairing.token, headers)
            answer = await endpoint.ask(queries.CONFIGURATION)
            self._begun = digest, configuration_of(answer, need_addresses=False)
        configuration = self._begun[1]
        endpoint = await self.caller.by_token(pairing.connector_url, configuration.token, headers)
        try:
            credentials = await self._signed(endpoint, configuration, digest)
        except UpstreamUnavailable:
            raise
        except HubError:
            self._begun = None
            raise
        self._begun = None
        return credentials, configuration

    async def configuration(self, url: str, credentials: Credentials, headers: Mapping[str, str]) -> Configuration:
        """Return what the Connector says to the holder of a certificate.

        Raises:
            HubError: it refuses, does not answer, or does not say where Director and Connector are.
        """
        if not url:
            raise InvalidInput("Compass did not say where its Connector is; pair with a new token.")
        endpoint = await self.caller.by_certificate(url, credentials, headers)
        return configuration_of(await endpoint.ask(queries.CONFIGURATION), need_addresses=True)

    async def renew(
        self, url: str, credentials: Credentials, configuration: Configuration, headers: Mapping[str, str]
    ) -> Credentials:
        """Return a new certificate, with a new key, for the one there is.

        Raises:
            HubError: the Connector refuses or does not answer; the present certificate stays good.
        """
        endpoint = await self.caller.by_certificate(url, credentials, headers)
        return await self._signed(endpoint, configuration, credentials.token_digest)

    async def _signed(self, endpoint: Endpoint, configuration: Configuration, digest: str) -> Credentials:
        key, request = await asyncio.to_thread(new_request, configuration.subject, self.key_bits)
        answer = await endpoint.ask(queries.SIGN, {"csr": request})
        return credentials_of(answer, key, configuration.subject, digest)
