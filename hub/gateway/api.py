"""The gateway's two forms of paths as plain ASGI applications; bodies pass in parts."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from hub.gateway import spans
from hub.gateway.addressing import split_path
from hub.gateway.body import Body
from hub.gateway.calling import Answer, Begun, Caller, Request
from hub.gateway.metering import Meter
from hub.gateway.model import Api, Names
from hub.gateway.permission import Callers
from hub.gateway.refusals import RECORDED, render
from hub.gateway.rewriting import Headers, to_caller
from hub.gateway.store import Directory
from hub.gateway.whole import answer_whole
from hub.kernel.errors import HubError, UpstreamUnavailable
from hub.kernel.http.protocol import CYCLE

log = structlog.get_logger()
Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]
Scope = dict[str, Any]


class Endpoint:
    """Passes calls of one form of paths."""

    def __init__(
        self, directory: Directory, caller: Caller, callers: Callers, meter: Meter, *, with_entry: bool
    ) -> None:
        """Share what both forms need."""
        self._directory = directory
        self._caller = caller
        self._callers = callers
        self._meter = meter
        self._settings = caller.settings
        self._log = log.bind()
        """Bound once: the lookup by each call costs more than a line that is not written."""
        self.with_entry = with_entry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        names: Names | None = None
        try:
            named, rest = split_path(scope["raw_path"], with_entry=self.with_entry)
            known = self._directory.find(named)
            names, api = named, known.api
            shadowed = self._callers.need(known.callers, scope["headers"], named)
            if shadowed is None:
                await self._pass(scope, receive, send, api=api, rest=rest)
            else:
                await self._record(scope, send, named, rest, shadowed)
        except Exception as error:
            await self._failed(scope, send, names, error)

    async def carry_on(self, begun: Begun, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose call has been sent."""
        try:
            await self._carry(scope, receive, send, api=begun.api, request=begun.request, begun=begun)
        except Exception as error:
            await self._failed(scope, send, begun.api.names, error)

    async def _failed(self, scope: Scope, send: Send, names: Names | None, error: Exception) -> None:
        if not isinstance(error, HubError):
            log.error("bug.caught", room="gateway", exc_info=error)
            error = HubError("Internal error.")
        await self._refuse(scope, send, names, error)

    async def _record(self, scope: Scope, send: Send, names: Names, rest: bytes, function: str) -> None:
        """Note a shadow's call instead of making it; the query stays out, it may hold what is secret."""
        status, headers, body = RECORDED
        self._meter.record(names)
        log.info(
            "call.recorded", function=function, application=names.application, service=names.service,
            entry=names.entry, method=scope["method"], path=rest.decode("latin-1"),
        )  # fmt: skip
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _pass(self, scope: Scope, receive: Receive, send: Send, *, api: Api, rest: bytes) -> None:
        headers, span = spans.opened(scope["headers"])
        request = request_of(scope, rest, headers, Body(receive, headers))
        request.span = span
        await self._carry(scope, receive, send, api=api, request=request)

    async def _carry(
        self, scope: Scope, receive: Receive, send: Send, *, api: Api, request: Request, begun: Begun | None = None
    ) -> None:
        try:
            answer = await self._caller.call(api, request, begun)
            answer.seconds = asyncio.get_running_loop().time() - request.began
            try:
                await self._answer(scope, receive, send, api=api, request=request, answer=answer)
            finally:
                await self._caller.finish(answer)
        except HubError as error:
            spans.end(request.span, api.names, scope["method"], render(error)[0], error.kind)
            raise

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, *, api: Api, request: Request, answer: Answer
    ) -> None:
        part = answer.connection.take()  # a target that is gone by now is a refusal: nothing is with the caller yet
        status, passed = to_caller(answer.head.status, answer.head.headers, api, answer.called)
        self.count(api, request, answer, status)
        if answer.connection.is_complete and answer_whole(scope["state"][CYCLE], status, passed, part):
            return
        await send({"type": "http.response.start", "status": status, "headers": passed})
        try:
            await self._relay(answer, part, receive, send)
        except UpstreamUnavailable as error:
            # The head is with the caller: all that is left is to end its connection without the end of the body.
            log.warning(
                "call.cut_off", application=api.names.application, service=api.names.service, error=error.detail
            )

    def count(self, api: Api, request: Request, answer: Answer, status: int) -> None:
        """Note an answer that its caller gets with this status."""
        names, method = api.names, request.method.decode()
        spans.end(request.span, names, method, status)
        self._meter.count(names, method, status)
        self._meter.time(names, answer.seconds)
        self._note(api, method, answer.head.status, answer.seconds)

    async def _relay(self, answer: Answer, part: bytes, receive: Receive, send: Send) -> None:
        connection = answer.connection
        if connection.is_complete:
            await send({"type": "http.response.body", "body": part})
            return
        watch = None if answer.upload is not None else asyncio.create_task(_leave(receive, answer))
        try:
            while True:
                if part:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                part = await connection.read(self._settings.idle_seconds)
                if not part:
                    break
            await send({"type": "http.response.body", "body": b""})
        finally:
            if watch is not None:
                watch.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watch

    def _note(self, api: Api, method: str, status: int, seconds: float) -> None:
        names = api.names
        if seconds >= self._settings.slow_seconds:
            log.warning(
                "call.slow", application=names.application, service=names.service, entry=names.entry, method=method,
                status=status, seconds=round(seconds, 3),
            )  # fmt: skip
        else:
            self._log.debug(
                "call.finished", application=names.application, service=names.service, method=method, status=status,
                seconds=seconds,
            )  # fmt: skip

    async def _refuse(self, scope: Scope, send: Send, names: Names | None, error: HubError) -> None:
        status, headers, body = render(error)
        self._meter.count(names, scope["method"], status)
        application, service = (names.application, names.service) if names else (None, None)
        log.warning(
            "call.failed", application=application, service=service, method=scope["method"], status=status,
            error=error.detail,
        )  # fmt: skip
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def request_of(scope: Scope, rest: bytes, headers: Headers, body: Body) -> Request:
    """Return what a caller asks for.

    Args:
        scope: of the request.
        rest: of the path, after the names.
        headers: to be passed on.
        body: of the request.
    """
    client = scope.get("client")
    began = asyncio.get_running_loop().time()
    method, address = scope["method"].encode(), client[0] if client else ""
    return Request(method, rest, scope["query_string"], headers, address, body, began)


async def _leave(receive: Receive, answer: Answer) -> None:
    """Break the call off when the caller has left: nobody reads what the target still sends."""
    while (await receive())["type"] != "http.disconnect":
        pass
    answer.connection.fail("the caller has left")
