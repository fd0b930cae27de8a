"""Connections to targets: judged, bounded, kept and used again, per target and way of connecting.

The address is judged when it is looked up and the connection goes to a judged one, so that a name cannot mean one
address for the judgement and another for the connection. Connections that were made with different certificates or
checks are never exchanged for each other.
"""

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass, field
from typing import TypeVar

from hub.gateway.breaking import Breaker
from hub.gateway.model import Place, Tls
from hub.gateway.outgoing.connection import Connection
from hub.gateway.outgoing.http2 import Negotiating
from hub.gateway.outgoing.tls import Contexts
from hub.gateway.settings import GatewaySettings
from hub.kernel.egress import EgressRule
from hub.kernel.errors import UpstreamRefused, UpstreamUnavailable

P = TypeVar("P", bound=asyncio.Protocol)
BUSY = "busy"
"""Reason of an error that says nothing about the target: the gateway's own limit is reached."""
_LOOK_UP_SECONDS = 30.0
_MOST_POOLS = 10_000


@dataclass(slots=True, eq=False)
class Pool:
    """The connections of one target, made in one way."""

    place: Place
    tls: Tls
    breaker: Breaker
    idle: list[Connection] = field(default_factory=list)
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    open: int = 0
    addresses: tuple[str, ...] = ()
    looked_up: float = float("-inf")

    def wake(self) -> None:
        """Let the first of those that wait try again."""
        while self.waiting:
            waiter = self.waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


class Pools:
    """The connections of all targets."""

    def __init__(self, settings: GatewaySettings) -> None:
        """Prepare; nothing is connected yet."""
        self._settings = settings
        self._rule = EgressRule(private=settings.private_addresses, loopback=settings.loopback)
        self._contexts = Contexts()
        self._pools: dict[tuple[Place, Tls | None], Pool] = {}

    def of(self, place: Place, tls: Tls) -> Pool:
        """Return the pool of a target; without TLS the way of connecting makes no difference."""
        key = (place, tls if place.scheme == "https" else None)
        pool = self._pools.get(key)
        if pool is None:
            if len(self._pools) >= _MOST_POOLS:
                self._forget_unused()
            breaker = Breaker(self._settings.breaker_failures, self._settings.breaker_open_seconds)
            pool = self._pools[key] = Pool(place, key[1] or _PLAIN, breaker)
        return pool

    def _forget_unused(self) -> None:
        self._pools = {key: pool for key, pool in self._pools.items() if pool.open or pool.waiting}

    async def take(self, pool: Pool, seconds: float, *, fresh: bool = False) -> Connection:
        """Return a connection that nobody else uses; give it back by `give`.

        Args:
            pool: of the target.
            seconds: most to wait for a free place and for connecting.
            fresh: make a new one even where one is kept.

        Raises:
            UpstreamRefused: the target's address is not allowed.
            UpstreamUnavailable: it cannot be reached, in time or at all; the text says why.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            kept = None if fresh else self.kept(pool, loop.time())
            if kept is not None:
                return kept
            if pool.open < self._settings.connections:
                pool.open += 1
                try:
                    limit = min(self._settings.connect_seconds, deadline - loop.time())
                    return await self._connect(pool, max(0.0, limit))
                except BaseException:
                    pool.open -= 1
                    pool.wake()
                    raise
            if fresh and pool.idle:
                self._drop(pool, pool.idle.pop())
                continue
            await _turn(pool, deadline - loop.time())

    def kept(self, pool: Pool, now: float) -> Connection | None:
        """Return a connection that is kept, if there is one; give it back by `give`."""
        while pool.idle:
            connection = pool.idle.pop()
            if connection.is_open and now - connection.idle_since < self._settings.keep_seconds:
                connection.is_used = True
                return connection
            self._drop(pool, connection)
        return None

    @staticmethod
    def _drop(pool: Pool, connection: Connection) -> None:
        pool.open -= 1
        connection.close()

    def give(self, pool: Pool, connection: Connection) -> None:
        """Take a connection back: kept when another exchange can follow, else closed."""
        if connection.is_reusable:
            connection.idle_since = asyncio.get_running_loop().time()
            pool.idle.append(connection)
        else:
            self._drop(pool, connection)
        if pool.waiting:
            pool.wake()

    async def _connect(self, pool: Pool, seconds: float) -> Connection:
        place = pool.place
        failure = "the name has no address"
        try:
            async with asyncio.timeout(seconds):
                is_tls, http2 = place.scheme == "https", self._settings.http2
                context = await self._contexts.of(pool.tls, http2=http2) if is_tls else None
                for address in await self._addresses(pool):
                    try:
                        return (await connect(Negotiating, place, address, context)).chosen
                    except OSError as error:
                        failure = said(error)
        except TimeoutError as error:
            raise UpstreamUnavailable(f"{place} did not accept a connection in time", reason="timeout") from error
        pool.looked_up = float("-inf")
        raise UpstreamUnavailable(f"{place} cannot be reached: {failure}", reason="unreached")

    async def _addresses(self, pool: Pool) -> tuple[str, ...]:
        loop = asyncio.get_running_loop()
        if loop.time() - pool.looked_up > _LOOK_UP_SECONDS:
            try:
                found = await loop.getaddrinfo(pool.place.host, pool.place.port, type=1)
            except (OSError, UnicodeError) as error:
                text = f"{pool.place} cannot be reached: the name is not known"
                raise UpstreamUnavailable(text, reason="unreached") from error
            pool.addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
            pool.looked_up = loop.time()
        if not pool.addresses or not all(self._rule.allows(address) for address in pool.addresses):
            raise UpstreamRefused(
                f"{pool.place} leads to an address that may not be called; see HUB_GATEWAY__PRIVATE_ADDRESSES and"
                " HUB_GATEWAY__LOOPBACK"
            )
        return pool.addresses

    async def open(self, pool: Pool, protocol: type[P], seconds: float) -> P:
        """Return a connection of another protocol, outside the pool's count: it may last for days."""
        try:
            async with asyncio.timeout(seconds):
                context = await self._contexts.of(pool.tls, http2=False) if pool.place.scheme == "https" else None
                return await connect(protocol, pool.place, (await self._addresses(pool))[0], context)
        except TimeoutError as error:
            raise UpstreamUnavailable(f"{pool.place} did not accept a connection in time", reason="timeout") from error
        except OSError as error:
            text = f"{pool.place} cannot be reached: {said(error)}"
            raise UpstreamUnavailable(text, reason="unreached") from error

    async def sweep(self) -> None:
        """Close, again and again, what nobody has used for long: a target that is called no more keeps nothing."""
        while True:
            await asyncio.sleep(self._settings.keep_seconds)
            limit = asyncio.get_running_loop().time() - self._settings.keep_seconds
            for pool in self._pools.values():
                stale = [each for each in pool.idle if each.idle_since <= limit or not each.is_open]
                pool.idle = [each for each in pool.idle if each not in stale]
                for connection in stale:
                    self._drop(pool, connection)

    def close(self) -> None:
        """Close everything that is kept."""
        for pool in self._pools.values():
            while pool.idle:
                self._drop(pool, pool.idle.pop())


_PLAIN = Tls()


async def connect(protocol: type[P], place: Place, address: str, context: ssl.SSLContext | None) -> P:
    """Connect to one address of a target; its certificate is checked against the target's name."""
    name = place.host if context is not None else None
    _, made = await asyncio.get_running_loop().create_connection(
        protocol, address, place.port, ssl=context, server_hostname=name
    )
    return made


async def _turn(pool: Pool, seconds: float) -> None:
    """Wait until a connection may have become free."""
    waiter = asyncio.get_running_loop().create_future()
    pool.waiting.append(waiter)
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await waiter
    except TimeoutError as error:
        pool.wake()
        text = f"all {pool.open} connections to {pool.place} are in use"
        raise UpstreamUnavailable(text, reason=BUSY, retry_after_seconds=1) from error
    except asyncio.CancelledError:
        pool.wake()  # the turn may have come to this one already
        raise


def said(error: OSError) -> str:
    """Return what a failure to connect means, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason})"
    return "the connection was refused" if isinstance(error, ConnectionRefusedError) else str(error)[:200]
