"""The gateway's two forms of paths as plain ASGI applications; bodies pass in parts."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from hub.gateway import spans
from hub.gateway.addressing import split_path
from hub.gateway.body import Body
from hub.gateway.calling import Answer, Caller, Request
from hub.gateway.metering import Meter
from hub.gateway.model import Api, Names
from hub.gateway.permission import Callers
from hub.gateway.refusals import RECORDED, render
from hub.gateway.rewriting import to_caller
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
        self._with_entry = with_entry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        names: Names | None = None
        try:
            named, rest = split_path(scope["raw_path"], with_entry=self._with_entry)
            known = self._directory.find(named)
            names, api = named, known.api
            shadowed = self._callers.need(known.callers, scope["headers"], named)
            if shadowed is None:
                await self._pass(scope, receive, send, api=api, rest=rest)
            else:
                await self._record(scope, send, named, rest, shadowed)
        except HubError as error:
            await self._refuse(scope, send, names, error)
        except Exception:
            log.exception("bug.caught", room="gateway")
            await self._refuse(scope, send, names, HubError("Internal error."))

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
        loop = asyncio.get_running_loop()
        began = loop.time()
        (headers, span), client = spans.opened(scope["headers"]), scope.get("client")
        body = Body(receive, headers)
        address = client[0] if client else ""
        request = Request(scope["method"].encode(), rest, scope["query_string"], headers, address, body)
        try:
            answer = await self._caller.call(api, request)
            answer.seconds, answer.span = loop.time() - began, span
            try:
                await self._answer(scope, receive, send, api=api, answer=answer)
            finally:
                await self._caller.finish(answer)
        except HubError as error:
            spans.end(span, api.names, scope["method"], render(error)[0], error.kind)
            raise

    async def _answer(self, scope: Scope, receive: Receive, send: Send, *, api: Api, answer: Answer) -> None:
        part = answer.connection.take()  # a target that is gone by now is a refusal: nothing is with the caller yet
        status, passed = to_caller(answer.head.status, answer.head.headers, api, answer.called)
        spans.end(answer.span, api.names, scope["method"], status)
        self._meter.count(api.names, scope["method"], status)
        self._meter.time(api.names, answer.seconds)
        self._note(api, scope["method"], answer.head.status, answer.seconds)
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
            log.debug(
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


async def _leave(receive: Receive, answer: Answer) -> None:
    """Break the call off when the caller has left: nobody reads what the target still sends."""
    while (await receive())["type"] != "http.disconnect":
        pass
    answer.connection.fail("the caller has left")
