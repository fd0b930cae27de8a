"""What becomes of a specification before it is stored, and where it comes from when it was not sent along.

Source: `kyma-project/kyma:components/application-registry/internal/metadata/specification/service.go@1.24.0`.
"""

from urllib.parse import urlsplit

import orjson

from hub.registry.model import Api

ODATA_METADATA = "$metadata"


def address_of(api: Api) -> str | None:
    """Return where the specification must be fetched from; None when it was sent along or there is none."""
    if api.spec:
        return None
    if api.specification_url:
        return api.specification_url
    return f"{api.target_url.rstrip('/')}/{ODATA_METADATA}" if api.is_odata else None


def rewrite(api: Api, document: bytes, gateway_url: str) -> bytes:
    """Return a specification as it is stored: Swagger 2.0 points to the gateway, everything else stays as it is."""
    if api.is_odata or b"swagger" not in document:
        return document
    try:
        swagger = orjson.loads(document)
    except orjson.JSONDecodeError:
        return document
    if not isinstance(swagger, dict) or swagger.get("swagger") != "2.0":
        return document
    swagger.pop("basePath", None)
    swagger.setdefault("paths", None)
    return orjson.dumps(swagger | {"host": urlsplit(gateway_url).hostname or "", "schemes": ["http"]})


def file_name(kind: str, document: bytes) -> str:
    """Return the file name of a stored document; an OData document is XML when a tag stands at its beginning."""
    if kind == "odata":
        beginning = document[:512]
        opened, closed = beginning.find(b"<"), beginning.find(b">")
        return "odata.xml" if 0 <= opened < closed else "odata.json"
    return {"openapi": "apiSpec.json", "asyncapi": "asyncApiSpec.json", "docs": "content.json"}[kind]
