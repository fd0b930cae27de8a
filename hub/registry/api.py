"""The metadata API on the edge: connected solutions register their APIs and event catalogs.

Statuses, bodies and texts are upstream's; every request must come with a certificate that speaks for the Application.
Two differences: PUT answers with the whole Service, and a registration that fails leaves nothing behind.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from hub.kernel.admittance import Admittance
from hub.kernel.errors import HubError
from hub.kernel.http.app import route
from hub.kernel.http.body import read_body
from hub.kernel.identity import identity_of
from hub.kernel.problem import headers_of
from hub.registry import answers, servicedetails
from hub.registry.services import Services

METADATA = "/{application}/v1/metadata"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The endpoints, with what they need."""

    services: Services
    admittance: Admittance
    body_limit_bytes: int
    detailed_errors: bool

    def _application(self, request: Request) -> str:
        """Return the Application of the path, when the caller speaks for it."""
        application: str = request.path_params["application"]
        self.admittance.admit(identity_of(request.scope), application)
        return application

    async def create(self, request: Request) -> Response:
        """Register a Service."""
        application = self._application(request)
        details = servicedetails.parse(await read_body(request, self.body_limit_bytes))
        return _answer({"id": await self.services.create(application, details)})

    async def items(self, request: Request) -> Response:
        """List the Services."""
        services = await self.services.items(self._application(request))
        return _answer([answers.service_item(service) for service in services])

    async def read(self, request: Request) -> Response:
        """Return one Service."""
        application = self._application(request)
        return _answer(answers.details(await self.services.read(application, request.path_params["service"])))

    async def replace(self, request: Request) -> Response:
        """Register a Service anew."""
        application = self._application(request)
        details = servicedetails.parse(await read_body(request, self.body_limit_bytes))
        replaced = await self.services.replace(application, request.path_params["service"], details)
        return _answer(answers.details(replaced))

    async def remove(self, request: Request) -> Response:
        """Remove a Service."""
        await self.services.remove(self._application(request), request.path_params["service"])
        return Response(status_code=204, headers={"content-type": answers.MEDIA_TYPE})

    async def redirect(self, request: Request) -> Response:
        """Point to the description of this API."""
        application = self._application(request)
        return Response(status_code=301, headers={"location": f"/{application}/v1/metadata/api.yaml"})

    async def description(self, request: Request) -> Response:
        """Return the description of this API."""
        self._application(request)
        return Response(_description(), headers={"content-type": "application/yaml"})

    def render(self, error: HubError) -> Response:
        """Return an error in upstream's shape."""
        text = answers.error_text(error, detailed=self.detailed_errors)
        headers = {"content-type": answers.MEDIA_TYPE} | headers_of(error)
        return Response(answers.render_error(error.status, text), error.status, headers=headers)


def routes(endpoints: Endpoints) -> list[BaseRoute]:
    """Return the routes; other methods and paths below the same root are refused in upstream's words."""
    table: dict[str, dict[str, Endpoint]] = {
        METADATA: dict.fromkeys(METHODS, endpoints.redirect),
        f"{METADATA}/api.yaml": {"GET": endpoints.description},
        f"{METADATA}/services": {"GET": endpoints.items, "POST": endpoints.create},
        f"{METADATA}/services/{{service}}": {
            "GET": endpoints.read,
            "PUT": endpoints.replace,
            "DELETE": endpoints.remove,
        },
    }
    served: list[BaseRoute] = []
    for path, methods in table.items():
        for method, endpoint in methods.items():
            served.append(route(path, endpoint, [method], render=endpoints.render))
        if refused := [method for method in METHODS if method not in methods]:
            served.append(route(path, _wrong_method(methods), refused))
    return [*served, route(f"{METADATA}/{{rest:path}}", _unknown_path, list(METHODS))]


def _answer(value: object) -> Response:
    return Response(answers.render(value), headers={"content-type": answers.MEDIA_TYPE})


def _wrong_method(allowed: dict[str, Endpoint]) -> Endpoint:
    async def refuse(_request: Request) -> Response:
        headers = {"content-type": answers.MEDIA_TYPE, "allow": ", ".join(sorted(allowed))}
        return Response(answers.render_error(405, answers.WRONG_METHOD), 405, headers=headers)

    return refuse


async def _unknown_path(_request: Request) -> Response:
    return Response(answers.render_error(404, answers.UNKNOWN_PATH), 404, headers={"content-type": answers.MEDIA_TYPE})


def _description() -> bytes:
    return files("hub.registry").joinpath("api.yaml").read_bytes()
