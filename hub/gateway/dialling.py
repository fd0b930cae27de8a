"""Carries the handshake of a WebSocket to the target, proven like any call."""

import asyncio
from dataclasses import replace

from hub.gateway.addressing import path_at_target, query_at_target, split_path
from hub.gateway.authorizing import Authorizer
from hub.gateway.metering import Meter
from hub.gateway.model import Api, Proof
from hub.gateway.outgoing.pools import Pools
from hub.gateway.permission import Callers
from hub.gateway.refusals import status_of
from hub.gateway.rewriting import head_of, own_token, to_target
from hub.gateway.store import Directory
from hub.gateway.tunnel import FarEnd, Handshake
from hub.kernel.errors import HubError, NotPermitted, UpstreamUnavailable

_UPGRADE = [(b"connection", b"Upgrade"), (b"upgrade", b"websocket")]
_REFUSED = (401, 403)


class Dialler:
    """Opens the target's end of tunnels, for one form of paths."""

    def __init__(
        self,
        directory: Directory,
        pools: Pools,
        authorizer: Authorizer,
        callers: Callers,
        meter: Meter,
        *,
        with_entry: bool,
    ) -> None:
        """Share what calls have."""
        self._directory = directory
        self._pools = pools
        self._authorizer = authorizer
        self._callers = callers
        self._meter = meter
        self._with_entry = with_entry

    async def dial(self, handshake: Handshake) -> FarEnd:
        """Return the target's end with its answer to the handshake, whatever that says.

        Raises:
            HubError: as for a call.
        """
        names = None
        try:
            named, rest = split_path(handshake[0], with_entry=self._with_entry)
            known = self._directory.find(named)
            names = named
            if self._callers.need(known.callers, handshake[2], named) is not None:
                raise NotPermitted("a shadow revision opens no WebSocket; what passes there cannot be recorded")
            far = await self._dial(known.api, rest, handshake)
        except HubError as error:
            self._meter.count(names, "GET", status_of(error))
            raise
        self._meter.count(names, "GET", far.status)
        return far

    async def _dial(self, api: Api, rest: bytes, handshake: Handshake) -> FarEnd:
        own = own_token(handshake[2])
        proof = await self._authorizer.prove(api, own)
        far = await self._shake(api, rest, handshake, proof)
        if far.status in _REFUSED and own is None:
            far.close()
            self._authorizer.forget(api, proof)
            far = await self._shake(api, rest, handshake, await self._authorizer.prove(api))
        return far

    async def _shake(self, api: Api, rest: bytes, handshake: Handshake, proof: Proof) -> FarEnd:
        _, given, headers, address = handshake
        path = path_at_target(api.url.path, rest, encode=api.encode_path)
        query = query_at_target(api.url.query, given, (*api.parameters.query, *proof.query))
        target = b"%b?%b" % (path, query) if query else path
        sent = to_target(headers, api, proof, address) + _UPGRADE
        pool = self._pools.of(api.url.place, replace(api.tls, key_pair=proof.key_pair) if proof.key_pair else api.tls)
        far = await self._pools.open(pool, FarEnd, api.timeout_seconds)
        far.write(head_of(b"GET", target, api.url.place.authority, sent))
        try:
            async with asyncio.timeout(api.timeout_seconds):
                await far.answered
        except TimeoutError as error:
            far.close()
            raise UpstreamUnavailable("the target did not answer in time", reason="timeout") from error
        if not far.status:
            far.close()
            raise UpstreamUnavailable("the target's answer to the handshake is not HTTP", reason="connection")
        return far
