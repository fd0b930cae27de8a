"""The OpenAPI 3.1 document of a listener, made from the routes it serves and what their rooms say about them.

The document holds the described operations that have a running route. Two questions keep both honest, and tests ask
them: which running path is not described, which described operation is not served.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from contracts.surface import TEXT, Answer, Content, Description, Operation, Schema

PATH = "/openapi.json"
"""Where listeners serve the document: one segment, which no path of an Application has."""
_CONVERTED = re.compile(r"\{(\w+):\w+\}")
_PARAMETER = re.compile(r"\{(\w+)\}")
_CATCH_ALL = ":path}"


def document(
    descriptions: Iterable[Description], routes: Iterable[BaseRoute], *, title: str, version: str, server: str
) -> dict[str, Any]:
    """Return the document of the described operations that are among the routes."""
    running = set(_running(routes))
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Schema] = {}
    tags: list[dict[str, str]] = []
    for description in descriptions:
        served = [operation for operation in description.operations if operation.key in running]
        for operation in served:
            members = paths.setdefault(_shown(operation.path), {})
            members[operation.method.lower()] = _operation(operation, description.title)
        if served:
            schemas |= description.schemas
            tags.append({"name": description.title})
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "servers": [{"url": server}],
        "tags": tags,
        "paths": {path: paths[path] for path in sorted(paths)},
        "components": {
            "schemas": {name: schemas[name] for name in sorted(schemas)},
            "securitySchemes": {"certificate": {"type": "mutualTLS", "description": "The solution's certificate."}},
        },
    }


def undescribed(descriptions: Iterable[Description], routes: Iterable[BaseRoute]) -> list[str]:
    """Return the paths that are served and not described; catch-alls, which only refuse, do not count."""
    known = {operation.path for description in descriptions for operation in description.operations}
    found = {path for _, path in _running(routes) if _CATCH_ALL not in path}
    return sorted(found - known - {PATH})


def unserved(descriptions: Iterable[Description], routes: Iterable[BaseRoute]) -> list[str]:
    """Return the operations that are described and not served."""
    running = set(_running(routes))
    operations = [operation for description in descriptions for operation in description.operations]
    return sorted(f"{each.method} {each.path}" for each in operations if each.key not in running)


def document_route(make: Callable[[], Mapping[str, Any]]) -> Route:
    """Return the route that serves a document to anyone; it is made when it is asked for first."""
    made = cache(make)

    async def serve(_request: Request) -> Response:
        return JSONResponse(made())

    return Route(PATH, serve, methods=["GET"])


def _running(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    for route in routes:
        if isinstance(route, Route):
            yield from ((method, route.path) for method in route.methods or ())


def _shown(path: str) -> str:
    return _CONVERTED.sub(r"{\1}", path)


def _operation(operation: Operation, tag: str) -> dict[str, Any]:
    path = [_parameter(name, "path", required=True) for name in _PARAMETER.findall(_shown(operation.path))]
    query = [_parameter(name, "query", meaning, required=True) for name, meaning in operation.query.items()]
    headers = [_parameter(name, "header", meaning) for name, meaning in operation.headers.items()]
    made: dict[str, Any] = {
        "tags": [tag],
        "summary": operation.summary,
        "parameters": [*path, *query, *headers],
        "responses": {str(status): _answer(operation.answers[status]) for status in sorted(operation.answers)},
        "security": [{"certificate": []}] if operation.certificate else [],
    }
    return made | ({"requestBody": {"required": True, "content": _content(operation.body)}} if operation.body else {})


def _parameter(name: str, where: str, meaning: str = "", *, required: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "in": where, "required": required, "schema": TEXT}
    return made | ({"description": meaning} if meaning else {})


def _answer(answer: Answer) -> dict[str, Any]:
    made: dict[str, Any] = {"description": answer.meaning}
    if answer.content:
        made["content"] = _content(answer.content)
    if answer.headers:
        made["headers"] = {name: {"description": text, "schema": TEXT} for name, text in answer.headers.items()}
    return made


def _content(content: Content) -> dict[str, Any]:
    return {media_type: {"schema": schema} for media_type, schema in content.items()}
