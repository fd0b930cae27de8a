"""An application of the Director → an Application of the hub, with its Secrets and documents.

Source: kyma-project/kyma:components/compass-runtime-agent/internal/kyma/apps-converter and secrets@2.20.0.
Differences: specifications come along; a document or credential that cannot be used is said and leaves the rest alone.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import yaml

from contracts.application.managing import COMPASS, MANAGED_BY
from hub.compass import naming
from hub.compass.model import (
    Auth,
    Basic,
    Bundle,
    Definition,
    DirectorApplication,
    Mirror,
    OAuth,
    Specification,
    Stored,
    Unsupported,
)
from hub.kernel.errors import InvalidInput

LABELS = {MANAGED_BY: COMPASS}
NO_DESCRIPTION = "Description not provided"
_KINDS = {"OPEN_API": "openapi", "ODATA": "odata", "ASYNC_API": "asyncapi"}
_YAML_LIMIT_BYTES = 2 * 1024 * 1024
"""Reading YAML costs a second per megabyte; larger documents come as JSON."""


def convert(application: DirectorApplication, name: str, *, gateway_url: str, limit_bytes: int) -> Mirror:
    """Return an application of the Director as it should be here.

    Args:
        application: complete, all its pages read.
        name: its name here.
        gateway_url: address of the Application Gateway in its Compass form.
        limit_bytes: largest document that is kept.
    """
    problems: list[str] = []
    documents: dict[str, Mapping[str, bytes]] = {}
    for bundle in application.bundles:
        problems += _credential_problems(bundle)
        for definition in (*bundle.apis, *bundle.events):
            try:
                documents |= _documents(bundle, definition, limit_bytes)
            except InvalidInput as error:
                problems.append(f"Bundle '{bundle.name}', definition '{definition.name}': {error.detail}")
    problems += _unreachable(application)
    spec = {
        "description": application.description or NO_DESCRIPTION,
        "labels": {"connected-app": name},
        "compassMetadata": {
            "applicationId": application.id,
            "authentication": {"clientIds": list(application.client_ids)},
        },
        "services": [_service(name, bundle, gateway_url.rstrip("/")) for bundle in application.bundles],
    }
    secrets = dict(secret for bundle in application.bundles for secret in _secrets(name, bundle))
    return Mirror(name, application.id, spec, secrets, documents, tuple(problems))


def _service(application: str, bundle: Bundle, gateway_url: str) -> dict[str, Any]:
    service: dict[str, Any] = {
        "id": bundle.id,
        "identifier": "",
        "name": naming.service_name(bundle.name, bundle.id),
        "displayName": bundle.name,
        "description": bundle.description or NO_DESCRIPTION,
        "providerDisplayName": "",
        "entries": [
            *(_api_entry(application, bundle, api, gateway_url) for api in bundle.apis),
            *({"type": "Events", "id": each.id, "name": each.name, "specificationUrl": ""} for each in bundle.events),
        ],
    }
    return service | ({"authCreateParameterSchema": bundle.parameter_schema} if bundle.parameter_schema else {})


def _api_entry(application: str, bundle: Bundle, api: Definition, gateway_url: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "API",
        "id": api.id,
        "name": api.name,
        "targetUrl": api.target_url,
        "centralGatewayUrl": f"{gateway_url}/{naming.gateway_path(application, bundle.name, api.name)}",
        "specificationUrl": "",
    }
    if api.specification is not None and api.specification.type == "ODATA":
        entry["apiType"] = "odata"
    if bundle.auth is not None and (bundle.auth.headers or bundle.auth.query_parameters):
        entry["requestParametersSecretName"] = naming.parameters_name(application, bundle.id)
    credentials = _credentials_entry(naming.credentials_name(application, bundle.id), bundle.auth)
    return entry | ({"credentials": credentials} if credentials else {})


def _credentials_entry(secret_name: str, auth: Auth | None) -> dict[str, Any]:
    if auth is None or not isinstance(auth.credential, Basic | OAuth):
        return {}
    entry: dict[str, Any] = {"type": "Basic", "secretName": secret_name}
    if isinstance(auth.credential, OAuth):
        entry |= {"type": "OAuth", "authenticationUrl": auth.credential.url}
    return entry | ({"csrfInfo": {"tokenEndpointURL": auth.csrf_url}} if auth.csrf_url else {})


def _secrets(application: str, bundle: Bundle) -> Iterator[tuple[str, Stored]]:
    if bundle.auth is None:
        return
    if values := _credential_values(bundle.auth.credential):
        yield naming.credentials_name(application, bundle.id), Stored(bundle.id, values)
    if parameters := parameter_values(bundle.auth):
        yield naming.parameters_name(application, bundle.id), Stored(bundle.id, parameters)


def _credential_values(credential: Basic | OAuth | Unsupported | None) -> dict[str, str]:
    """Return what is kept of credentials; nothing when a part is empty: half of them authenticates nowhere."""
    match credential:
        case Basic():
            values = {"username": credential.username, "password": credential.password}
        case OAuth():
            values = {"clientId": credential.client_id, "clientSecret": credential.client_secret}
        case _:
            values = {}
    return values if all(values.values()) else {}


def parameter_values(auth: Auth) -> dict[str, str]:
    """Return headers and query parameters as their Secret holds them: JSON, a key only when there are any."""
    lists = {"headers": auth.headers, "queryParameters": auth.query_parameters}
    return {name: orjson.dumps({key: list(each) for key, each in of.items()}).decode() for name, of in lists.items()
            if of}  # fmt: skip


def _credential_problems(bundle: Bundle) -> Iterator[str]:
    credential = bundle.auth.credential if bundle.auth else None
    if isinstance(credential, Unsupported):
        yield (
            f"Bundle '{bundle.name}' has credentials of the type {credential.type}, which come without a private key "
            "and cannot be used; its APIs are called without. Give it basic or OAuth credentials at the Director."
        )
    elif credential is not None and not _credential_values(credential):
        yield f"Bundle '{bundle.name}' has credentials with an empty part; complete them at the Director."


def _unreachable(application: DirectorApplication) -> Iterator[str]:
    """Say which APIs have no address at the gateway, or one with another API."""
    called = [(bundle, api, naming.gateway_path("", bundle.name, api.name)) for bundle in application.bundles
              for api in bundle.apis]  # fmt: skip
    number = Counter(path for _, _, path in called)
    for bundle, api, path in called:
        if number[path] > 1 or "" in path.split("/")[1:]:
            why = "another API has the same address" if number[path] > 1 else "it has no letter or digit"
            yield f"Bundle '{bundle.name}', API '{api.name}' cannot be called through the gateway: {why}; rename it."


def _documents(bundle: Bundle, definition: Definition, limit_bytes: int) -> dict[str, Mapping[str, bytes]]:
    specification = definition.specification
    if specification is None:
        return {}
    kind = _KINDS.get(specification.type)
    if kind is None:
        raise InvalidInput(f"its specification is of the type {specification.type!r}, which is not known; left out.")
    document = specification.text.encode()
    if len(document) > limit_bytes:
        raise InvalidInput(
            f"its specification has {len(document)} bytes and at most {limit_bytes} are kept "
            "(HUB_COMPASS__SPECIFICATION_LIMIT_BYTES); left out."
        )
    return {f"{bundle.id}/{definition.id}": {kind: _as_json(specification, document)}}


def _as_json(specification: Specification, document: bytes) -> bytes:
    """Return YAML as JSON, which the catalog reads; everything else as it is."""
    if specification.format != "YAML" or len(document) > _YAML_LIMIT_BYTES:
        return document
    try:
        orjson.loads(document)  # JSON is YAML too, and labelled so by some
    except orjson.JSONDecodeError:
        return _yaml_as_json(document)
    return document


def _yaml_as_json(document: bytes) -> bytes:
    if b"&" in document and b"*" in document and _has_alias(document):
        raise InvalidInput("its specification uses YAML aliases, which can grow without limit; left out.")
    try:
        return orjson.dumps(yaml.safe_load(document), default=str, option=orjson.OPT_NON_STR_KEYS)
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise InvalidInput("its specification is not the YAML it is said to be; left out.") from error


def _has_alias(document: bytes) -> bool:
    try:
        return any(isinstance(token, yaml.AliasToken) for token in yaml.scan(document, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidInput("its specification is not the YAML it is said to be; left out.") from error
