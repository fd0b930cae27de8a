"""Small requests of the gateway itself, for tokens: the whole answer within a bound."""

import asyncio
from typing import NamedTuple

from hub.gateway.model import Place, Tls
from hub.gateway.outgoing.pools import Pools
from hub.gateway.rewriting import Headers
from hub.kernel.errors import UpstreamRefused

_LIMIT_BYTES = 256 * 1024


class Fetched(NamedTuple):
    """A whole answer."""

    status: int
    headers: Headers
    body: bytes


async def fetch(pools: Pools, place: Place, tls: Tls, request: bytes, seconds: float) -> Fetched:
    """Send a request and return the whole answer.

    Raises:
        UpstreamUnavailable: there is none, in time or at all.
        UpstreamRefused: the address is not allowed, or the answer is too long.
    """
    pool = pools.of(place, tls)
    deadline = asyncio.get_running_loop().time() + seconds
    connection = await pools.take(pool, seconds, fresh=True)
    try:
        connection.begin(request)
        head = await connection.head(deadline - asyncio.get_running_loop().time())
        body = connection.take()
        while not connection.is_complete:
            body += await connection.read(max(0.0, deadline - asyncio.get_running_loop().time()))
            if len(body) > _LIMIT_BYTES:
                raise UpstreamRefused(f"the answer is longer than {_LIMIT_BYTES} bytes")
        return Fetched(head.status, head.headers, body + connection.take())
    finally:
        if not connection.is_complete:
            connection.close()
        pools.give(pool, connection)
