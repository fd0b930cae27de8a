"""Between a registered Service and the Application that holds it: details to entry, and entry back to details.

What is secret goes into Secrets named by upstream's rule and comes back masked.

Source: `kyma-project/kyma:components/application-registry/internal/metadata/{applications,serviceapi,secrets}@1.24.0`.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from contracts.application.names import normalise
from hub.registry import naming
from hub.registry.model import (
    Api,
    Basic,
    CertificateGen,
    Credentials,
    Documentation,
    Events,
    Method,
    OAuth,
    Registration,
    RequestParameters,
    ServiceDetails,
)

MASK = "********"
CONNECTED_APP = "connected-app"

Values = Mapping[str, str]
Service = Mapping[str, Any]


def owned_by(application: str, details: ServiceDetails) -> ServiceDetails:
    """Return the details with the label `connected-app` set to the Application, whatever the caller wrote there."""
    return replace(details, labels={**(details.labels or {}), CONNECTED_APP: application})


def register(
    application: str, service_id: str, details: ServiceDetails, *, gateway_url: str, key_pair: Values | None = None
) -> Registration:
    """Turn details into what is stored of them.

    Args:
        application: name of the Application.
        service_id: id of the Service.
        details: what was registered, its specification rewritten already.
        gateway_url: address of the Application Gateway.
        key_pair: `crt` and `key` (PEM) for a generated certificate.
    """
    secrets: dict[str, Values] = {}
    entries: list[dict[str, Any]] = []
    if details.api is not None:
        secrets = _secrets(application, service_id, details.api, key_pair or {})
        central_url = f"{gateway_url.rstrip('/')}/{application}/{normalise(details.name)}"
        entries.append(_api_entry(application, service_id, details.api, central_url))
    if details.events is not None:
        entries.append({"type": "Events"})
    entry = _present(
        {
            "id": service_id,
            "identifier": details.identifier,
            "name": naming.service_name(details.name, service_id),
            "displayName": details.name,
            "description": details.short_description or details.description,
            "longDescription": details.description,
            "providerDisplayName": details.provider,
            "labels": dict(details.labels or {}),
        }
    )
    return Registration(entry | {"entries": entries}, secrets, assets_of(details))


def assets_of(details: ServiceDetails) -> dict[str, bytes]:
    """Return the documents of a Service by the key they are stored under; nothing for what is absent."""
    assets: dict[str, bytes] = {}
    if details.api is not None and details.api.spec:
        assets["odata" if details.api.is_odata else "openapi"] = details.api.spec
    if details.events is not None and details.events.spec:
        assets["asyncapi"] = details.events.spec
    if details.documentation is not None:
        assets["docs"] = orjson.dumps(document_of(details.documentation))
    return assets


def document_of(documentation: Documentation) -> dict[str, Any]:
    """Return documentation as its JSON object."""
    document: dict[str, Any] = {
        "displayName": documentation.display_name,
        "description": documentation.description,
        "type": documentation.type,
        "tags": list(documentation.tags),
        "docs": [dict(doc) for doc in documentation.docs],
    }
    return {name: value for name, value in document.items() if value or name not in ("tags", "docs")}


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value or name in ("description", "providerDisplayName")}


def _api_entry(application: str, service_id: str, api: Api, central_url: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "API", "targetUrl": api.target_url, "centralGatewayUrl": central_url}
    if api.api_type:
        entry["apiType"] = api.api_type
    if api.specification_url:
        entry["specificationUrl"] = api.specification_url
    if _parameter_values(api.request_parameters):
        entry["requestParametersSecretName"] = naming.parameters_name(application, service_id)
    if (credentials := _kept(api.credentials)) is not None:
        entry["credentials"] = _credentials_entry(credentials, naming.resource_name(application, service_id))
    return entry


def _kept(credentials: Credentials | None) -> Credentials | None:
    """Upstream takes a generated certificate without common name for no credentials at all."""
    if credentials is not None and credentials.method == CertificateGen(""):
        return None
    return credentials


def _credentials_entry(credentials: Credentials, secret_name: str) -> dict[str, Any]:
    types: dict[type, str] = {Basic: "Basic", OAuth: "OAuth", CertificateGen: "CertificateGen"}
    entry: dict[str, Any] = {"type": types[type(credentials.method)], "secretName": secret_name}
    if isinstance(credentials.method, OAuth):
        entry["authenticationUrl"] = credentials.method.url
    if credentials.csrf_url is not None:
        entry["csrfInfo"] = {"tokenEndpointURL": credentials.csrf_url}
    return entry


def _secrets(application: str, service_id: str, api: Api, key_pair: Values) -> dict[str, Values]:
    secrets: dict[str, Values] = {}
    if (credentials := _kept(api.credentials)) is not None:
        secrets[naming.resource_name(application, service_id)] = _credential_values(credentials.method, key_pair)
    if parameters := _parameter_values(api.request_parameters):
        secrets[naming.parameters_name(application, service_id)] = parameters
    return secrets


def _credential_values(method: Method, key_pair: Values) -> Values:
    match method:
        case Basic():
            return {"username": method.username, "password": method.password}
        case OAuth():
            values = {"clientId": method.client_id, "clientSecret": method.client_secret}
            return values | _parameter_values(method.request_parameters)
        case CertificateGen():
            return {"commonName": method.common_name} | dict(key_pair)


def _parameter_values(parameters: RequestParameters | None) -> dict[str, str]:
    if parameters is None:
        return {}
    lists = {"headers": parameters.headers, "queryParameters": parameters.query_parameters}
    return {name: orjson.dumps(value).decode() for name, value in lists.items() if value is not None}


def details_of(service: Service, secrets: Mapping[str, Values], assets: Mapping[str, bytes]) -> ServiceDetails:
    """Turn what is stored of a Service back into details, credentials masked.

    Args:
        service: its member of `spec.services`.
        secrets: name of the Secret → its values; only those that are no credentials come out.
        assets: its documents by their key.
    """
    entries: Sequence[Mapping[str, Any]] = service.get("entries") or ()
    apis = [entry for entry in entries if entry.get("type") == "API"]
    has_events = any(entry.get("type") == "Events" for entry in entries)
    long, short = service.get("longDescription") or "", service.get("description") or ""
    return ServiceDetails(
        provider=service.get("providerDisplayName") or "",
        name=service.get("displayName") or "",
        description=long or short,
        short_description=short if long and short != long else "",
        identifier=service.get("identifier") or "",
        labels=service.get("labels"),
        api=_api_of(apis[0], secrets, assets) if apis else None,
        events=Events(assets.get("asyncapi")) if has_events else None,
        documentation=_documentation_of(assets.get("docs")),
    )


def _api_of(entry: Mapping[str, Any], secrets: Mapping[str, Values], assets: Mapping[str, bytes]) -> Api:
    parameters = secrets.get(entry.get("requestParametersSecretName") or "", {})
    return Api(
        target_url=entry.get("targetUrl") or "",
        credentials=_credentials_of(entry.get("credentials"), secrets),
        spec=assets.get("odata") or assets.get("openapi"),
        specification_url=entry.get("specificationUrl") or "",
        api_type=entry.get("apiType") or "",
        request_parameters=_parameters_of(parameters),
    )


def _credentials_of(entry: Mapping[str, Any] | None, secrets: Mapping[str, Values]) -> Credentials | None:
    if entry is None:
        return None
    values = secrets.get(entry.get("secretName") or "", {})
    csrf_url = (entry.get("csrfInfo") or {}).get("tokenEndpointURL")
    match entry.get("type"):
        case "Basic":
            return Credentials(Basic(MASK, MASK), csrf_url)
        case "OAuth":
            return Credentials(
                OAuth(entry.get("authenticationUrl") or "", MASK, MASK, _parameters_of(values)), csrf_url
            )
        case "CertificateGen":
            certificate = base64.b64encode(values.get("crt", "").encode()).decode()
            return Credentials(CertificateGen(values.get("commonName", ""), certificate), csrf_url)
    return None


def _parameters_of(values: Values) -> RequestParameters | None:
    if "headers" not in values and "queryParameters" not in values:
        return None
    lists = [orjson.loads(values[name]) if name in values else None for name in ("headers", "queryParameters")]
    return RequestParameters(*({key: tuple(items) for key, items in each.items()} if each else each for each in lists))


def _documentation_of(raw: bytes | None) -> Documentation | None:
    if not raw:
        return None
    document = orjson.loads(raw)
    return Documentation(
        display_name=document["displayName"],
        description=document["description"],
        type=document["type"],
        tags=tuple(document.get("tags", ())),
        docs=tuple(document.get("docs", ())),
    )
