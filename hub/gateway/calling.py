"""One call of a target: proven, sent, repeated where that is safe.

Repeated once with fresh tokens when the target answers 401 or 403, as upstream, if the body is still there and the
caller brought no token of its own; once on another connection when the target could not be reached or ended the
connection without an answer and the method says that repeating does no harm.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import structlog

from hub.gateway.addressing import path_at_target, query_at_target
from hub.gateway.authorizing import Authorizer
from hub.gateway.body import Body
from hub.gateway.model import Api, Proof
from hub.gateway.outgoing.connection import Connection, Head
from hub.gateway.outgoing.pools import BUSY, Pool, Pools
from hub.gateway.rewriting import Headers, head_of, own_token, to_target
from hub.gateway.settings import GatewaySettings
from hub.kernel.errors import InvalidInput, UpstreamUnavailable
from hub.kernel.trace import Span

log = structlog.get_logger()
_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"})
_REFUSED = frozenset({401, 403})


@dataclass(slots=True)
class Request:
    """What a caller asks for."""

    method: bytes
    rest: bytes
    """Of the path, after the names."""
    query: bytes
    headers: Headers
    address: str
    """The caller's."""
    body: Body
    began: float = 0.0
    """When it came, by the clock of the event loop."""
    span: Span | None = None
    """Of the call, where it is recorded."""


@dataclass(slots=True)
class Answer:
    """The head of the target's answer, and the connection its body comes on."""

    head: Head
    called: bytes
    """Path and query of the call."""
    pool: Pool
    connection: Connection
    upload: asyncio.Task[None] | None = None
    seconds: float = 0.0
    """How long the head took, with everything that was fetched or repeated for it."""


@dataclass(slots=True)
class Begun:
    """A call that has been sent on a kept connection; its answer is still to come."""

    api: Api
    request: Request
    called: bytes
    pool: Pool
    connection: Connection
    timer: asyncio.TimerHandle
    is_final: bool
    """Whether 401 or 403 is the caller's to see: it brought a token of its own."""


class Caller:
    """Calls targets."""

    def __init__(self, pools: Pools, authorizer: Authorizer, settings: GatewaySettings) -> None:
        """Share connections and tokens."""
        self._pools = pools
        self._authorizer = authorizer
        self.settings = settings

    def begin(self, api: Api, request: Request) -> Begun | None:
        """Send a call whose body is whole, if nothing has to be fetched, connected or awaited for that.

        Raises:
            HubError: as `call` does; nothing has been sent, and nothing either where there is no result.
        """
        own = own_token(request.headers)
        proof = self._authorizer.at_hand(api, own)
        if proof is None or len(request.body.beginning) > self.settings.replay_bytes:
            return None
        pool = self._pool(api, proof)
        if not pool.breaker.is_closed:
            return None
        wire, called = self._wire(api, request, proof)
        connection = self._pools.kept(pool, request.began)
        if connection is None:
            return None
        try:
            connection.begin(wire, bodiless=request.method == b"HEAD")
        except BaseException:
            connection.close()
            self._pools.give(pool, connection)
            raise
        timer = connection.limit(api.timeout_seconds)
        return Begun(api, request, called, pool, connection, timer, own is not None)

    def answer(self, begun: Begun) -> Answer | None:
        """Return the answer of a call that was begun, if it has come whole and nothing is to be repeated; else None."""
        connection, head = begun.connection, begun.connection.answered
        if not connection.is_complete or head.exception() is not None:
            return None
        if head.result().status in _REFUSED and not begun.is_final:
            return None
        begun.pool.breaker.succeeded()
        return Answer(head.result(), begun.called, begun.pool, connection)

    async def call(self, api: Api, request: Request, begun: Begun | None = None) -> Answer:
        """Call and return the answer once its head is here; give it back by `finish`.

        Args:
            api: the one to call.
            request: what is asked for.
            begun: the same call, sent already.

        Raises:
            UpstreamUnavailable: the target gave no answer, or is not called for a while after many such calls.
            UpstreamRefused, Misconfigured: it may not be called, or no token can be had.
            InvalidInput: the caller's path climbs above the API, or the caller has left.
        """
        await request.body.load(self.settings.replay_bytes)
        own = own_token(request.headers)
        proof = await self._authorizer.prove(api, own)
        answer = await self._send(api, request, proof, begun)
        if answer.head.status in _REFUSED and own is None and request.body.is_kept:
            await self.finish(answer)
            self._authorizer.forget(api, proof)
            answer = await self._send(api, request, await self._authorizer.prove(api))
        return answer

    def give(self, answer: Answer) -> None:
        """Give back the connection of an answer that has been handed on whole."""
        answer.connection.take()
        self._pools.give(answer.pool, answer.connection)

    async def finish(self, answer: Answer) -> None:
        """Give back the connection: kept when the exchange has ended on both sides, else closed."""
        if answer.upload is not None:
            if not answer.upload.done():
                answer.upload.cancel()
                answer.connection.close()
            await asyncio.gather(answer.upload, return_exceptions=True)
        self._pools.give(answer.pool, answer.connection)

    def _pool(self, api: Api, proof: Proof) -> Pool:
        return self._pools.of(api.url.place, replace(api.tls, key_pair=proof.key_pair) if proof.key_pair else api.tls)

    async def _send(self, api: Api, request: Request, proof: Proof, begun: Begun | None = None) -> Answer:
        pool = self._pool(api, proof) if begun is None else begun.pool
        loop = asyncio.get_running_loop()
        wait = pool.breaker.wait(loop.time()) if begun is None else 0.0
        if wait:
            text = f"{pool.place} left too many calls without an answer and is not called for {wait:.1f} s"
            raise UpstreamUnavailable(text, reason="open", retry_after_seconds=wait)
        wire = self._wire(api, request, proof)
        deadline = (loop.time() if begun is None else request.began) + api.timeout_seconds
        try:
            try:
                kept = begun.connection if begun is not None else None
                answer = await self._exchange(pool, request, wire, deadline, kept=kept)
            except UpstreamUnavailable as error:
                if not _is_repeatable(error, request):
                    raise
                answer = await self._exchange(pool, request, wire, deadline, fresh=True)
        except UpstreamUnavailable as error:
            if error.fields.get("reason") != BUSY and pool.breaker.failed(loop.time()):
                log.warning("target.suspended", target=str(pool.place), seconds=self.settings.breaker_open_seconds)
            raise
        pool.breaker.succeeded()
        return answer

    @staticmethod
    def _wire(api: Api, request: Request, proof: Proof) -> tuple[bytes, bytes]:
        """Return the request as it goes over the wire, up to where the body is in parts, and what it calls."""
        path = path_at_target(api.url.path, request.rest, encode=api.encode_path)
        added = (*api.parameters.query, *proof.query)
        query = query_at_target(api.url.query, request.query, added)
        called = b"%b?%b" % (path, query) if query else path
        headers = to_target(request.headers, api, proof, request.address)
        headers += request.body.framing()
        return head_of(request.method, called, api.url.place.authority, headers) + request.body.start(), called

    async def _exchange(
        self, pool: Pool, request: Request, wire: tuple[bytes, bytes], deadline: float, *, fresh: bool = False,
        kept: Connection | None = None,
    ) -> Answer:  # fmt: skip
        """Carry out one attempt; `kept`: the connection on which it has been begun."""
        loop = asyncio.get_running_loop()
        connection = kept or await self._pools.take(pool, deadline - loop.time(), fresh=fresh)
        upload: asyncio.Task[None] | None = None
        try:
            if kept is None:
                connection.begin(wire[0], bodiless=request.method == b"HEAD")
            if not request.body.is_kept:
                upload = asyncio.create_task(self._upload(connection, request.body))
                either: list[asyncio.Future[Any]] = [upload, connection.answered]
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if upload.done() and not connection.answered.done():
                    await upload
                    deadline = loop.time() + self.settings.timeout_seconds
            head = await connection.head(deadline - loop.time())
        except BaseException:
            connection.close()
            if upload is not None:
                upload.cancel()
                await asyncio.gather(upload, return_exceptions=True)
            self._pools.give(pool, connection)
            raise
        return Answer(head, wire[1], pool, connection, upload)

    async def _upload(self, connection: Connection, body: Body) -> None:
        parts = aiter(body.rest())
        try:
            while True:
                async with asyncio.timeout(self.settings.idle_seconds):
                    await connection.write(await anext(parts))
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise InvalidInput("the body of the request stood still") from error


def _is_repeatable(error: UpstreamUnavailable, request: Request) -> bool:
    reason = error.fields.get("reason")
    if reason == "unreached":  # nothing has been sent
        return True
    harmless = request.method in _IDEMPOTENT and request.body.is_kept
    return reason == "connection" and harmless and not error.fields.get("begun")
