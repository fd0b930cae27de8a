"""One ASGI application per listener, from the routes of its rooms, with errors rendered in one place.

Endpoints raise; who renders the error depends on the surface: compatible surfaces answer in upstream's shape by the
renderer on their routes, everything else as problem details. An error that is none of ours is a bug: status 500, the
text hidden, the traceback logged.
"""

from collections.abc import Awaitable, Callable, Iterable

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Host, Match, Route

from hub.kernel import problem
from hub.kernel.errors import HubError

log = structlog.get_logger()

Renderer = Callable[[HubError], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def problem_response(error: HubError) -> Response:
    """Render an error as problem details."""
    body, headers = problem.render(error), problem.headers_of(error)
    return Response(body, status_code=error.status, media_type=problem.MEDIA_TYPE, headers=headers)


def route(path: str, endpoint: Endpoint, methods: list[str], *, render: Renderer = problem_response) -> Route:
    """Return a route whose errors are rendered in the shape of its surface."""

    async def serve(request: Request) -> Response:
        try:
            return await endpoint(request)
        except HubError as error:
            if error.status == 500 and not error.retry:  # what others answer is no mistake of the hub
                log.exception("bug.caught", route=path)
            return render(error)
        except HTTPException:
            raise
        except Exception:
            log.exception("bug.caught", route=path)
            return render(HubError("Internal error."))

    return Route(path, serve, methods=methods)


def application(routes: Iterable[BaseRoute]) -> Starlette:
    """Return the application of one listener; routes bound to a host name come before those of any host."""
    return Starlette(
        routes=sorted(routes, key=lambda found: not isinstance(found, Host)),
        exception_handlers={HTTPException: _refused, Exception: _failed},  # type: ignore[dict-item]  # narrower than Starlette's own type
    )


async def _refused(request: Request, error: HTTPException) -> Response:
    """Answer what the router itself refuses: unknown path 404, wrong method 405 with `Allow`."""
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods_of(request)))
    body = _plain_problem(error.status_code, request)
    return Response(body, status_code=error.status_code, media_type=problem.MEDIA_TYPE, headers=headers)


def _plain_problem(status: int, request: Request) -> bytes:
    texts = {
        404: ("not-found", f"There is nothing at {request.url.path}."),
        405: ("method-not-allowed", f"{request.method} is not possible at {request.url.path}."),
        415: ("unsupported-media-type", "The content type is not accepted here."),
    }
    kind, detail = texts.get(status, ("refused", "The request was refused."))
    return problem.render_parts(status, kind, detail)


async def _failed(_request: Request, error: Exception) -> Response:
    log.error("bug.caught", exc_info=error)
    return problem_response(HubError("Internal error."))


def _methods_of(request: Request) -> set[str]:
    """Return the methods of every route that has this path: several routes may share it."""
    methods: set[str] = set()
    for candidate in request.app.routes:
        match, _ = candidate.matches(request.scope)
        if match is not Match.NONE and isinstance(candidate, Route):
            methods |= candidate.methods or set()
    return methods
