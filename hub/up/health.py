"""Live and ready, and the metrics, of one process: served on a loopback port of its own."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.kernel import metrics
from hub.kernel.broker import Bus


def routes(bus: Bus) -> list[Route]:
    """Return the routes of the metrics listener."""

    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(_request: Request) -> Response:
        connected = bus.nc.is_connected
        return JSONResponse(
            {"status": "ready" if connected else "waiting", "broker": connected}, status_code=200 if connected else 503
        )

    async def numbers(_request: Request) -> Response:
        return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return [Route("/healthz", live), Route("/readyz", ready), Route("/metrics", numbers)]
