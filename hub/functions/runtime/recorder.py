"""Stands for publisher and gateway before a shadow revision: notes what it is asked and does nothing. Does I/O.

Every shadow has addresses of its own. What it publishes is accepted; a call of the gateway, and any other of the
internal listener, is answered 200 with an empty JSON object, for nobody can know what would have been said.
"""

import secrets
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from hub.kernel.errors import NotFound
from hub.kernel.http.app import application, route
from hub.kernel.http.body import read_body
from hub.kernel.http.server import Listener
from hub.kernel.settings import ListenerSettings

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_BODY_BYTES = 16 * 1024 * 1024
_SHOWN_LETTERS = 500
_MOST = 1000
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_BATCH = "application/cloudevents-batch+json"

Call = dict[str, Any]


class Recorder:
    """A listener on this machine, open as soon as there is a shadow."""

    def __init__(self) -> None:
        """Prepare; nothing listens yet."""
        settings = ListenerSettings(host="127.0.0.1", port=0)
        self._listener = Listener("shadow", settings, application(self._routes()))
        self._is_open = False
        self._notes: dict[str, list[Call]] = {}

    def _routes(self) -> list[BaseRoute]:
        return [
            route("/{ticket}/internal/publish", self._publish, ["POST"]),
            route("/{ticket}/{listener}/{path:path}", self._call, _METHODS),
        ]

    async def begin(self) -> str:
        """Return a ticket for a new shadow."""
        if not self._is_open:
            self._is_open = True
            await self._listener.open()
        ticket = secrets.token_urlsafe(12)
        self._notes[ticket] = []
        return ticket

    def redirections(self, ticket: str, publisher: str, gateway: str) -> dict[str, str]:
        """Return what stands for the listeners of publisher and gateway, by whatever name of this machine."""
        own = f"{self._listener.address}/{ticket}"
        pairs = ((publisher, f"{own}/internal"), (gateway, f"{own}/gateway"))
        return {name: other for address, other in pairs for name in _names_of(address)}

    def take(self, ticket: str) -> list[Call]:
        """Return what has been noted since it was asked last."""
        noted = self._notes.get(ticket, [])
        if noted:
            self._notes[ticket] = []
        return noted

    def end(self, ticket: str) -> None:
        """Note nothing for a shadow any more."""
        self._notes.pop(ticket, None)

    async def close(self) -> None:
        """Stop listening."""
        await self._listener.close()

    def _note(self, request: Request, calls: list[Call]) -> None:
        notes = self._notes.get(request.path_params["ticket"])
        if notes is None:
            raise NotFound("This shadow has ended.")
        notes += calls[: _MOST - len(notes)]

    async def _publish(self, request: Request) -> Response:
        self._note(request, _events_of(request, await read_body(request, _BODY_BYTES)))
        return Response(status_code=204)

    async def _call(self, request: Request) -> Response:
        body = await read_body(request, _BODY_BYTES)
        parts = request.path_params
        path = f"/{parts['path']}" + (f"?{request.url.query}" if request.url.query else "")
        call = {"kind": parts["listener"], "method": request.method, "path": path, "body": _excerpt(body)}
        self._note(request, [call])
        return Response(b"{}", media_type="application/json")


def _names_of(address: str) -> list[str]:
    """Return the beginnings of an address's listener: on this machine there are several."""
    parts = urlsplit(address)
    port = f":{parts.port}" if parts.port is not None else ""
    hosts = _LOOPBACK if parts.hostname in ("127.0.0.1", "localhost", "::1") else (parts.netloc.removesuffix(port),)
    return [f"{parts.scheme}://{host}{port}" for host in hosts]


def _events_of(request: Request, body: bytes) -> list[Call]:
    """Return what was published: in structured or batch mode of the body, in binary mode of the headers."""
    media = request.headers.get("content-type", "")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = None
    events = value if media.startswith(_BATCH) and isinstance(value, list) else [value]
    if "ce-type" in request.headers:
        names = {name: request.headers.get(f"ce-{name}", "") for name in ("id", "type", "source")}
        return [{"kind": "publication", **names, "data": _excerpt(body)}]
    return [_publication(event) for event in events if isinstance(event, dict)]


def _publication(event: dict[str, Any]) -> Call:
    data = event.get("data", event.get("data_base64"))
    names = {name: str(event.get(name, "")) for name in ("id", "type", "source")}
    return {"kind": "publication", **names, "data": _excerpt(orjson.dumps(data))}


def _excerpt(body: bytes) -> str:
    return body[: 4 * _SHOWN_LETTERS].decode(errors="replace")[:_SHOWN_LETTERS]
