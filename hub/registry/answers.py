"""What the metadata API answers: upstream's members, media type and error body.

Source: `kyma-project/kyma:components/application-registry/internal/{externalapi,httperrors,httpconsts}@1.24.0`.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from hub.kernel.errors import HubError
from hub.registry.merging import document_of
from hub.registry.model import Api, Basic, CertificateGen, Credentials, OAuth, RequestParameters, ServiceDetails

MEDIA_TYPE = "application/json;charset=UTF-8"
UNKNOWN_PATH = "Requested resource could not be found."
WRONG_METHOD = "Method not allowed."
INTERNAL = "Internal error."

_USER_INFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://[^\s/@]*:[^\s/]*@")


def render(value: Any) -> bytes:
    """Return JSON with the newline that upstream's encoder writes."""
    return orjson.dumps(value) + b"\n"


def masked(text: str) -> str:
    """Return a text without the credentials of any URL in it."""
    return _USER_INFO.sub(r"\g<scheme>://***:***@", text)


def render_error(status: int, text: str) -> bytes:
    """Return the error body: the status again, and the text."""
    return render({"code": status, "error": masked(text)})


def error_text(error: HubError, *, detailed: bool) -> str:
    """Return what a caller may read of an error: everything but the inside of status 500."""
    return error.detail if error.status != 500 or detailed else INTERNAL


def service_item(service: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Service as a member of the list."""
    item: dict[str, Any] = {
        "id": service["id"],
        "provider": service.get("providerDisplayName") or "",
        "name": service.get("displayName") or "",
        "description": service.get("longDescription") or service.get("description") or "",
    }
    if service.get("identifier"):
        item["identifier"] = service["identifier"]
    if service.get("labels") is not None:
        item["labels"] = service["labels"]
    return item


def details(details: ServiceDetails) -> dict[str, Any]:
    """Return a Service in full."""
    optional: dict[str, Any] = {
        "shortDescription": details.short_description or None,
        "identifier": details.identifier or None,
        "labels": details.labels,
        "api": _api(details.api) if details.api else None,
        "events": {"spec": _document(details.events.spec)} if details.events and details.events.spec else None,
        "documentation": document_of(details.documentation) if details.documentation else None,
    }
    base = {"provider": details.provider, "name": details.name, "description": details.description}
    return base | _given(optional)


def _given(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _api(api: Api) -> dict[str, Any]:
    optional = {
        "credentials": _credentials(api.credentials) if api.credentials else None,
        "spec": _document(api.spec) if api.spec else None,
        "specificationUrl": api.specification_url or None,
        "apiType": api.api_type or None,
        "requestParameters": _parameters(api.request_parameters),
    }
    return {"targetUrl": api.target_url} | _given(optional)


def _credentials(credentials: Credentials) -> dict[str, Any]:
    csrf = {"csrfInfo": {"tokenEndpointURL": credentials.csrf_url}} if credentials.csrf_url is not None else {}
    match credentials.method:
        case OAuth() as method:
            known = {"url": method.url, "clientId": method.client_id, "clientSecret": method.client_secret}
            return {"oauth": known | _given({"requestParameters": _parameters(method.request_parameters)}) | csrf}
        case Basic() as method:
            return {"basic": {"username": method.username, "password": method.password} | csrf}
        case CertificateGen() as method:
            generated = {"commonName": method.common_name, "certificate": method.certificate}
            return {"certificateGen": generated | csrf}


def _parameters(parameters: RequestParameters | None) -> dict[str, Any] | None:
    if parameters is None:
        return None
    return _given({"headers": parameters.headers, "queryParameters": parameters.query_parameters})


def _document(raw: bytes | None) -> Any:
    """Return a document as JSON; one that is not JSON (OData XML) as a text."""
    if raw is None:
        return None
    try:
        return orjson.Fragment(orjson.dumps(orjson.loads(raw)))
    except orjson.JSONDecodeError:
        return raw.decode("utf-8", "replace")
