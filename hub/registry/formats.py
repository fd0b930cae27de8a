"""What a specification is, and what is wrong with it: said in the status of its Service, never a reason to refuse it.

Solutions register documents of every age and quality. The hub keeps what it got and tells the operator what it found:
upstream keeps silent, so that nobody learns why a catalog stays empty.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

_PREFIX_BYTES = 4096
_YAML_VERSION = re.compile(rb"^(openapi|swagger|asyncapi)\s*:\s*['\"]?([0-9][0-9.]*)", re.MULTILINE)
_EDMX = re.compile(rb"<(?:\w+:)?Edmx\b[^>]*\bVersion\s*=\s*['\"]([0-9.]+)", re.IGNORECASE)
_WSDL = re.compile(rb"<(?:\w+:)?(definitions|description)\b")
_NAMES = {"openapi": "OpenAPI", "swagger": "Swagger", "asyncapi": "AsyncAPI"}
_WANTED = {"openapi": ("openapi", "swagger"), "asyncapi": ("asyncapi",), "odata": ("odata",)}
_CONTENT = {"openapi": ("paths", "webhooks", "components"), "swagger": ("paths",), "asyncapi": ("channels", "topics")}


def judged(kind: str, document: bytes) -> dict[str, Any]:
    """Return what is said about a stored document: its `format`, and `problems` when there are any.

    Args:
        kind: under which key it is stored: `openapi`, `odata`, `asyncapi`, `docs`.
        document: as it is stored.
    """
    if kind == "docs":
        return {}
    found, version, content = _recognised(document)
    problems = _problems(kind, found, version, content)
    return {"format": _shown(found, version)} | ({"problems": problems} if problems else {})


def _recognised(document: bytes) -> tuple[str, str, Mapping[str, Any] | None]:
    """Return format, version and, of a JSON object, its content."""
    try:
        content = orjson.loads(document)
    except orjson.JSONDecodeError:
        return *_recognised_text(document[:_PREFIX_BYTES]), None
    if not isinstance(content, dict):
        return "", "", None
    for name in ("openapi", "swagger", "asyncapi"):
        if name in content:
            return name, str(content[name]), content
    return ("odata", str(content["$Version"]), content) if "$Version" in content else ("", "", content)


def _recognised_text(beginning: bytes) -> tuple[str, str]:
    if (edmx := _EDMX.search(beginning)) is not None:
        return "odata", edmx[1].decode()
    if (yaml := _YAML_VERSION.search(beginning)) is not None:
        return yaml[1].decode(), yaml[2].decode()
    return ("wsdl", "") if _WSDL.search(beginning) else ("", "")


def _shown(found: str, version: str) -> str:
    names = _NAMES | {"odata": "OData", "wsdl": "WSDL", "": "unknown"}
    return f"{names[found]} {version[:20]}".strip()


def _problems(kind: str, found: str, version: str, content: Mapping[str, Any] | None) -> list[str]:
    wanted = _WANTED[kind]
    if not found:
        members = " or ".join(f"'{name}'" for name in wanted)
        return ["It is no Edmx document." if kind == "odata" else f"It does not say what it is: no member {members}."]
    if found not in wanted:
        return [f"It is registered as {_shown(wanted[0], '')} and is {_shown(found, version)}."]
    return [] if content is None or found == "odata" else list(_gaps(found, content))


def _gaps(found: str, content: Mapping[str, Any]) -> list[str]:
    """Return what a document lacks that every version of its format demands."""
    gaps = []
    about = content.get("info")
    about = about if isinstance(about, dict) else {}
    gaps += [f"info.{name} is missing." for name in ("title", "version") if not about.get(name)]
    present = [name for name in _CONTENT[found] if content.get(name) is not None]
    if not present:
        gaps.append(f"{' and '.join(_CONTENT[found])} {'are' if len(_CONTENT[found]) > 1 else 'is'} missing.")
    gaps += [f"{name} is no object." for name in present if not isinstance(content[name], dict)]
    paths = content.get("paths")
    if isinstance(paths, dict):
        wrong = [path for path in paths if not path.startswith(("/", "x-"))]
        gaps += [f"The path '{path[:60]}' does not begin with '/'." for path in wrong[:3]]
    return gaps
