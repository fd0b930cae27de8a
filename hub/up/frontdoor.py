"""What the public listener answers to whoever opens the hub's address: what this is, where what is, how it stands.

It belongs to no room. A room that serves one of these paths on the public listener comes first and takes it over.
"""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from hub import __version__
from hub.kernel.broker import Bus
from hub.settings import HubSettings
from hub.up.launch import listeners_of
from hub.up.statefile import read_running

FOR_WHOM = {
    "edge": "connected solutions, by client certificate",
    "public": "people and tools",
    "internal": "Functions and services on this machine",
}


def routes(settings: HubSettings, bus: Bus) -> list[Route]:
    """Return the routes: `/`, `/healthz` (this process lives), `/readyz` (the whole hub serves)."""

    async def welcome(request: Request) -> Response:
        document = describe(settings, _running(settings), connected=bus.nc.is_connected)
        if "text/html" in request.headers.get("accept", ""):
            return PlainTextResponse(as_text(document))
        return JSONResponse(document)

    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(_request: Request) -> Response:
        state = describe(settings, _running(settings), connected=bus.nc.is_connected)["state"]
        if state == "ready":
            return JSONResponse({"status": state})
        return JSONResponse({"status": state}, status_code=503, headers={"Retry-After": "1"})

    return [Route("/", welcome), Route("/healthz", live), Route("/readyz", ready)]


def describe(settings: HubSettings, running: Mapping[str, Any], *, connected: bool) -> dict[str, Any]:
    """Return what a caller may know; nobody has said who he is, so neither pids nor directories are in it.

    Args:
        settings: name the addresses where nothing else does.
        running: the state file of `hub up`; empty where something else runs the processes.
        connected: whether the event store answers this process.
    """
    urls = {listener.name: listener.url for listener in listeners_of(settings)} | dict(running.get("listeners") or {})
    if settings.edge.url:
        urls["edge"] = settings.edge.base_url
    return {
        "name": "hub",
        "version": __version__,
        "state": str(running.get("state", "ready")) if connected else "waiting for the event store",
        "processes": {process["name"]: process["state"] for process in running.get("processes") or []},
        "listeners": {name: {"url": url, "for": FOR_WHOM.get(name, "")} for name, url in urls.items()},
        "health": {"/healthz": "this process lives", "/readyz": "the whole hub serves"},
    }


def as_text(document: Mapping[str, Any]) -> str:
    """Return the description as a person reads it."""
    lines = [f"{document['name']} {document['version']} · {document['state']}", ""]
    lines += [f"{name:<12} {found['url']:<32} {found['for']}" for name, found in document["listeners"].items()]
    lines += ["", *(f"{name:<12} {state}" for name, state in document["processes"].items())]
    lines += ["", *(f"{path:<12} {meaning}" for path, meaning in document["health"].items())]
    return "\n".join(lines) + "\n"


def _running(settings: HubSettings) -> Mapping[str, Any]:
    return read_running(settings.data_dir.expanduser().resolve()) or {}
