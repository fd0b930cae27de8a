"""Calling a Function over HTTP: any method, any path behind its name; the answer is passed through as it comes.

Two forms: `/functions/{name}/…`, and Kyma's own: the host name `{name}.{scope}.svc.cluster.local`, the path as it is.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Host, Match, Router

from contracts import subjects
from contracts.envelope import DEPTH, PREFIX
from hub.functions import spans
from hub.functions.handlers import Failed
from hub.functions.headers import passed_headers
from hub.functions.model import Answer, Invocation, Rest
from hub.functions.outcomes import SUCCEEDED
from hub.functions.runtime.fleet import Fleet
from hub.functions.runtime.revision import Revision
from hub.kernel.errors import HubError
from hub.kernel.http.app import route
from hub.kernel.http.body import read_body
from hub.kernel.resource import DEFAULT_SCOPE
from hub.kernel.trace import open_span, traceparent_of
from hub.kernel.workload import DEPTH_HEADER, HEADER, Workloads

log = structlog.get_logger()

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_HOST_ENDS = (".svc.cluster.local", ".svc")
HOST_MARK = b".svc"
_TOKEN = HEADER.decode()
OF_CHAINS = (DEPTH_HEADER.decode(), f"{PREFIX}{DEPTH}")

Message = MutableMapping[str, Any]


class OfKyma(Host):
    """A route by host name that costs next to nothing for all other hosts."""

    def matches(self, scope: Any) -> tuple[Match, Any]:
        """Look closer only at a host name of this form."""
        for name, value in scope.get("headers", ()):
            if name == b"host":
                return super().matches(scope) if HOST_MARK in value else (Match.NONE, {})
        return Match.NONE, {}


def key_of(name: str, fleet: Fleet) -> str:
    """Return the bucket key that a name in a path means: `name` in the default scope, or `scope.name`."""
    plain = subjects.key(DEFAULT_SCOPE, name)
    scope, _, rest = name.partition(".")
    return subjects.key(scope, rest) if rest and not fleet.knows(plain) else plain


class Passed(Response):
    """A Function's answer as a response, whole or part by part; a header cannot break out of its line."""

    def __init__(self, answer: Answer) -> None:
        """Take status, headers and what there is of the body."""
        super().__init__(answer.body, status_code=answer.status)
        self._rest = answer.rest
        for name, value in passed_headers(answer.headers):
            self.headers[name] = value
        if self._rest is not None:
            del self.headers["content-length"]

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Send the response; when the Function fails in the middle the connection is cut, so that nobody takes it for
        whole."""
        if self._rest is None:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        watching = asyncio.create_task(_close_when_gone(receive, self._rest))
        try:
            await send(_part(bytes(self.body)))
            async for part in self._rest:
                await send(_part(part))
            await send(_part(b"", more=False))
        except HubError as error:
            log.warning("answer.broken", error=error.detail)
        finally:
            self._rest.close()
            watching.cancel()


def _part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def _close_when_gone(receive: Callable[[], Awaitable[Message]], rest: Rest) -> None:
    with contextlib.suppress(OSError):
        while (await receive())["type"] != "http.disconnect":
            continue
    rest.close()


def routes(fleet: Fleet, failed: Failed, workloads: Workloads) -> list[BaseRoute]:
    """Return the routes of the internal listener; `workloads` reads the tokens of callers that are Functions."""

    async def by_path(request: Request) -> Response:
        path = "/" + request.path_params.get("path", "")
        revision = fleet.find(key_of(request.path_params["name"], fleet))
        return await answered(revision, request, path, failed, workloads)

    async def by_host(request: Request) -> Response:
        parts = request.path_params
        key = subjects.key(parts["scope"], parts["name"])
        return await answered(fleet.find(key), request, request.url.path, failed, workloads)

    paths = ("/functions/{name}", "/functions/{name}/{path:path}")
    hosts = Router([route("/{path:path}", by_host, _METHODS)])
    return [
        *(OfKyma(f"{{name}}.{{scope}}{end}", hosts) for end in _HOST_ENDS),
        *(route(path, by_path, _METHODS) for path in paths),
    ]


async def answered(
    revision: Revision, request: Request, path: str, failed: Failed, workloads: Workloads | None = None
) -> Response:
    """Call a Function with a request and return its answer.

    Raises:
        NotAuthenticated: the caller brings a token that is nobody's.
        HubError: no process of the Function answered, or the body is too large.
    """
    own = _own_answer(revision, request.method, path)
    if own is not None:
        return own
    launch = revision.worker.launch
    headers = _headers_of(request, workloads)
    headers["traceparent"], span = open_span(traceparent_of(headers), spans.INVOKE)
    invocation = Invocation(
        method=request.method,
        path=path,
        query=request.url.query,
        headers=headers,
        body=await read_body(request, launch.body_limit_bytes),
    )
    began = time.perf_counter()
    answer: Answer | HubError
    try:
        answer = await revision.worker.invoke(invocation, launch.timeout_seconds)
    except HubError as error:
        answer = error
    spans.end(span, revision.function, invocation, answer)
    if revision.meter.count(answer, began, request.method) != SUCCEEDED:
        failed(revision, invocation, answer, time.perf_counter() - began)
    if isinstance(answer, HubError):
        raise answer
    return Passed(answer)


def _own_answer(revision: Revision, method: str, path: str) -> Response | None:
    """Answer what upstream's servers answer themselves; the handler is not called."""
    if method not in ("GET", "HEAD"):
        return None
    if path == "/healthz":
        return Response("OK", media_type="text/plain")
    if path == "/favicon.ico":
        return Response(status_code=204)
    if path == "/metrics":
        return Response(revision.counted.render(), media_type="text/plain; version=0.0.4")
    return None


def _headers_of(request: Request, workloads: Workloads | None) -> dict[str, str]:
    """Return the headers of a request as a Function sees them.

    The token of a caller that is a Function stays here, or the called one could pass for it. Only beside a token counts
    how deep a chain of events is.
    """
    headers = dict(reversed(request.headers.items()))  # the first counts; by name it were quadratic
    token = headers.pop(_TOKEN, None)
    if token is not None and workloads is not None:
        workloads.of(token.encode("latin-1", "replace"))
    else:
        for name in OF_CHAINS:
            headers.pop(name, None)
    return headers
