"""Gets what a call needs to be accepted: a token where the method wants one, a CSRF token on top where registered.

What was fetched is kept per credential and Application, never shared between two Applications, and never used for a
caller that brought a token of its own. A changed credential is another key, so it takes effect on the next call.
"""

from collections.abc import Hashable
from dataclasses import replace
from hashlib import sha256

from hub.gateway.csrf import csrf_of, csrf_request
from hub.gateway.model import Api, OAuth, Pairs, Proof
from hub.gateway.outgoing.fetching import fetch
from hub.gateway.outgoing.pools import Pools
from hub.gateway.remembering import Fresh, Memory
from hub.gateway.settings import GatewaySettings
from hub.gateway.standing import AUTHORIZATION
from hub.gateway.tokens import lifetime, token_of, token_request
from hub.kernel.errors import HubError, Misconfigured, UpstreamRefused

Crossing = tuple[Pairs, Pairs]
"""Headers and cookies against cross-site request forgery."""


class Authorizer:
    """Proves to targets on whose behalf they are called."""

    def __init__(self, pools: Pools, settings: GatewaySettings) -> None:
        """Begin without tokens."""
        self._pools = pools
        self._settings = settings
        self._tokens: Memory[str] = Memory()
        self._crossings: Memory[Crossing] = Memory()

    async def prove(self, api: Api, own: bytes | None = None) -> Proof:
        """Return what the call must carry.

        Args:
            api: the one to call.
            own: the caller's `Access-Token`; the registered credentials are not used then.

        Raises:
            UpstreamRefused, UpstreamUnavailable: no token can be had.
            Misconfigured: the same, where a client certificate should have bought it.
        """
        proof = Proof(((AUTHORIZATION, own),)) if own is not None else await self.authenticate(api)
        return proof if api.csrf_url is None else await self.cross(api, proof)

    @staticmethod
    def at_hand(api: Api, own: bytes | None) -> Proof | None:
        """Return what `prove` returns where nothing has to be fetched for it, now or ever; else None."""
        if api.csrf_url is not None:
            return None
        if own is not None:
            return Proof(((AUTHORIZATION, own),))
        return None if isinstance(api.credentials, OAuth) else api.proof

    async def authenticate(self, api: Api) -> Proof:
        """Return the proof by the registered credentials, without CSRF token."""
        if isinstance(api.credentials, OAuth):
            oauth = api.credentials
            token = await self._tokens.get(_token_key(api), lambda: self._fetch_token(api, oauth))
            return Proof(((AUTHORIZATION, b"Bearer " + token.encode()),))
        return api.proof

    async def cross(self, api: Api, proof: Proof) -> Proof:
        """Return the proof with a CSRF token added."""
        headers, cookies = await self._crossings.get(_crossing_key(api, proof), lambda: self._fetch_csrf(api, proof))
        return replace(proof, headers=(*proof.headers, *headers), cookies=cookies)

    def forget(self, api: Api, proof: Proof) -> None:
        """Fetch anew what this proof was made of: the target did not accept it."""
        if isinstance(api.credentials, OAuth):
            held = next((value for name, value in proof.headers if name == AUTHORIZATION), b"")
            self._tokens.forget(_token_key(api), held.removeprefix(b"Bearer ").decode())
        if api.csrf_url is not None:
            bare = replace(proof, headers=proof.headers[:-1], cookies=())
            self._crossings.forget(_crossing_key(api, bare), (proof.headers[-1:], proof.cookies))

    async def _fetch_token(self, api: Api, oauth: OAuth) -> Fresh[str]:
        tls = replace(api.tls, key_pair=oauth.key_pair)
        try:
            request = token_request(oauth)
            answer = await fetch(self._pools, oauth.token_url.place, tls, request, api.timeout_seconds)
            token, seconds = token_of(answer.status, answer.body)
        except HubError as error:
            refusal = UpstreamRefused if oauth.key_pair is None else Misconfigured
            raise refusal(f"failed to get a token for {api.names.service}, {error.detail}") from error
        return Fresh(token, *lifetime(seconds, self._settings.token_seconds))

    async def _fetch_csrf(self, api: Api, proof: Proof) -> Fresh[Crossing]:
        assert api.csrf_url is not None  # noqa: S101 - narrows the type for the checker
        tls = replace(api.tls, key_pair=proof.key_pair)
        try:
            request = csrf_request(api.csrf_url, proof)
            answer = await fetch(self._pools, api.csrf_url.place, tls, request, api.timeout_seconds)
            crossing = csrf_of(answer.status, answer.headers)
        except Misconfigured:
            raise
        except HubError as error:
            raise UpstreamRefused(f"failed to get a CSRF token for {api.names.service}, {error.detail}") from error
        return Fresh(crossing, self._settings.token_seconds, self._settings.token_seconds)

    async def close(self) -> None:
        """Break off what is being fetched."""
        await self._tokens.close()
        await self._crossings.close()


def _token_key(api: Api) -> Hashable:
    return (api.names.application, api.credentials, api.tls)


def _crossing_key(api: Api, proof: Proof) -> Hashable:
    # Of the proof only a hash: tokens that are long gone need not stay in memory. OAuth tokens change, the caller does
    # not, so a new one fetches a new CSRF token too.
    secret = sha256(repr((proof.headers, proof.query)).encode()).digest()
    return (api.names, api.csrf_url, api.tls, proof.key_pair, secret)
