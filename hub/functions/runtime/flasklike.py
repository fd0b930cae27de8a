"""As much of Flask and Bottle as handlers use: the current request, and answers with a status.

Stands in where a handler imports them without installing them; upstream's runtimes bring them along. Runs inside the
Function's process: standard library only.
"""

import io
import json
from collections.abc import Callable
from typing import Any

from hub.functions.runtime.request import Request


class Response(Exception):
    """An answer with status and headers; may be returned or raised."""

    def __init__(
        self,
        response: Any = "",
        status: int | str = 200,
        headers: Any = None,
        mimetype: str | None = None,
        content_type: str | None = None,
        **more: Any,
    ) -> None:
        """Create the answer."""
        super().__init__(response)
        self.body = more.pop("body", response)
        self.status_code = int(str(status).split()[0])
        self.headers: dict[str, str] = {str(name).lower(): str(value) for name, value in dict(headers or {}).items()}
        self.headers |= {name.replace("_", "-").lower(): str(value) for name, value in more.items()}
        kind = content_type or mimetype
        if kind:
            self.headers["content-type"] = kind

    @property
    def data(self) -> Any:
        """Return the body."""
        return self.body


class HTTPError(Response):
    """An answer that says what went wrong."""

    def __init__(self, status: int = 500, body: Any = "", headers: Any = None, **more: Any) -> None:
        """Create the answer."""
        super().__init__(body, status, headers, **more)


class BottleResponse(Response):
    """Bottle's order of arguments: the body first."""

    def __init__(self, body: Any = "", status: int | str = 200, headers: Any = None, **more: Any) -> None:
        """Create the answer."""
        super().__init__(body, status, headers, **more)


class Here:
    """Stands for the request of the thread that asks."""

    def __init__(self, find: Callable[[], Request]) -> None:
        """Find the request by a function."""
        object.__setattr__(self, "_find", find)

    def __getattr__(self, name: str) -> Any:
        """Return what the request has."""
        return getattr(object.__getattribute__(self, "_find")(), name)


def abort(status: int = 500, text: Any = "", **_: Any) -> None:
    """End the handler with an answer."""
    raise HTTPError(status, text)


def jsonify(*values: Any, **named: Any) -> Response:
    """Return an answer in JSON."""
    value = named if named else values[0] if len(values) == 1 else list(values)
    return Response(json.dumps(value), content_type="application/json")


def make_response(body: Any = "", status: int = 200, headers: Any = None) -> Response:
    """Return an answer whose headers can still be set."""
    if isinstance(body, tuple):
        return make_response(*body)
    if isinstance(body, dict | list):
        return Response(json.dumps(body), status, headers, content_type="application/json")
    return body if isinstance(body, Response) else Response(body, status, headers)


def redirect(location: str, code: int = 302) -> Response:
    """Return an answer that sends the caller elsewhere."""
    return Response("", code, {"location": location})


def members(find: Callable[[], Request]) -> dict[str, Any]:
    """Return the names of the module `flask`."""
    return {
        "request": Here(find),
        "Response": Response,
        "abort": abort,
        "jsonify": jsonify,
        "make_response": make_response,
        "redirect": redirect,
    }


def bottle_members(find: Callable[[], Request]) -> dict[str, Any]:
    """Return the names of the module `bottle`."""
    return {
        "request": Here(find),
        "HTTPResponse": BottleResponse,
        "HTTPError": HTTPError,
        "abort": abort,
        "redirect": lambda url, code=302: abort_with(redirect(url, code)),
    }


def abort_with(response: Response) -> None:
    """End the handler with an answer made before."""
    raise response


def wsgi_environ(request: Request) -> dict[str, Any]:
    """Return the request as the real Flask takes it."""
    own = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    host, _, port = request.headers.get("host", "localhost").partition(":")
    return own | {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query_string,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.content)),
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.content),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
