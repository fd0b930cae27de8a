"""Calling a Function over HTTP: any method, any path behind its name; the answer is passed through."""

import re
import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from contracts import subjects
from hub.functions.handlers import Failed
from hub.functions.model import Answer, Invocation
from hub.functions.outcomes import SUCCEEDED
from hub.functions.runtime.fleet import Fleet
from hub.functions.settings import FunctionsSettings
from hub.kernel.errors import HubError
from hub.kernel.http.app import route
from hub.kernel.http.body import read_body
from hub.kernel.resource import DEFAULT_SCOPE
from hub.kernel.trace import traceparent_of

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
# What belongs to one connection, or is set by the listener itself, is not passed through.
_OWN_HEADERS = frozenset({
    "connection", "content-length", "date", "keep-alive", "server", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
_LINE_BREAK = re.compile(r"[\r\n\0]+")


def key_of(name: str, fleet: Fleet) -> str:
    """Return the bucket key that a name in a path means: `name` in the default scope, or `scope.name`."""
    plain = subjects.key(DEFAULT_SCOPE, name)
    scope, _, rest = name.partition(".")
    return subjects.key(scope, rest) if rest and not fleet.knows(plain) else plain


def response_of(answer: Answer) -> Response:
    """Return a Function's answer as a response; a header cannot break out of its line."""
    response = Response(answer.body, status_code=answer.status)
    for name, value in answer.headers.items():
        if name.lower() not in _OWN_HEADERS:
            response.headers[_one_line(name)] = _one_line(value)
    return response


def _one_line(text: str) -> str:
    return _LINE_BREAK.sub(" ", text).encode("latin-1", "replace").decode("latin-1")


def routes(fleet: Fleet, settings: FunctionsSettings, failed: Failed) -> list[BaseRoute]:
    """Return the routes of the internal listener."""

    async def invoke(request: Request) -> Response:
        revision = fleet.find(key_of(request.path_params["name"], fleet))
        invocation = await _invocation(request, settings.body_limit_bytes)
        began = time.perf_counter()
        answer: Answer | HubError
        try:
            answer = await revision.worker.invoke(invocation, revision.worker.launch.timeout_seconds)
        except HubError as error:
            answer = error
        if revision.meter.count(answer, began) != SUCCEEDED:
            failed(revision, invocation, answer, time.perf_counter() - began)
        if isinstance(answer, HubError):
            raise answer
        return response_of(answer)

    paths = ("/functions/{name}", "/functions/{name}/{path:path}")
    return [route(path, invoke, _METHODS) for path in paths]


async def _invocation(request: Request, limit_bytes: int) -> Invocation:
    headers = dict(request.headers)
    headers["traceparent"] = traceparent_of(headers)
    return Invocation(
        method=request.method,
        path="/" + request.path_params.get("path", ""),
        query=request.url.query,
        headers=headers,
        body=await read_body(request, limit_bytes),
    )
